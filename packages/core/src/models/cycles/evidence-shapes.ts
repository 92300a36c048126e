// The models of evidence as shapes of our own, free of zod.
export {
  artifactTypes,
  evidenceEndpoints,
  evidenceSchemaVersion,
  evidenceEnvelope,
  evidencePayload,
} from "./evidence-envelope.ts";

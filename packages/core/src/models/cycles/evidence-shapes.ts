// The models of evidence as shapes of our own, free of zod.
export {
  artifactTypes,
  evidenceEndpoints,
  evidenceSchemaVersion,
  evidenceEnvelopeShape,
  evidencePayloadShape,
} from "./evidence-envelope.ts";

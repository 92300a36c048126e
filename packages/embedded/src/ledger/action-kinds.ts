import { ConfigurationError } from "@imprest/core";

/** By rising risk (Cycles action kinds §ActionRiskClass). */
export type RiskClass = "read_only" | "local_mutation" | "side_effect" | "external_side_effect" | "high_risk";

export const riskClasses: readonly RiskClass[] = [
  "read_only",
  "local_mutation",
  "side_effect",
  "external_side_effect",
  "high_risk",
];

/** What a policy may go by besides the kind, as the registry declares it (Cycles action kinds §ActionPolicyKeySpec). */
export type RoutingKey = "host" | "recipient_domain" | "resource_type";

/** The registry's kinds (Cycles action kinds v0.1.26, x-action-kind-registry); `side_effect` is what all others are. */
const kindsByRisk: Readonly<Partial<Record<RiskClass, string>>> = {
  read_only:
    "llm.embedding web.search http.get db.query crm.record.read file.read code.lint vector.query memory.read " +
    "calendar.read audio.transcribe storage.download",
  local_mutation: "file.write memory.write",
  external_side_effect:
    "agent.human_escalation http.post http.put http.delete message.email.send message.slack.post message.sms.send " +
    "message.chat.post crm.record.delete calendar.write image.generate image.edit audio.generate social.post.create " +
    "social.post.delete social.dm.send notification.push.send notification.webhook.trigger document.share",
  high_risk: "db.schema_change code.exec code.deploy payment.charge payment.refund video.generate",
};

const kindsByRoutingKey: Readonly<Record<RoutingKey, string>> = {
  host:
    "llm.structured_output agent.delegate http.get http.post http.put http.delete http.graphql message.email.send " +
    "message.slack.post message.chat.post code.deploy calendar.read calendar.write payment.charge payment.refund " +
    "image.generate image.edit video.generate video.transcode audio.generate audio.transcribe vision.analyze vision.ocr " +
    "vision.parse_document social.post.create social.post.delete social.dm.send notification.push.send " +
    "notification.webhook.trigger storage.upload storage.download storage.delete document.create document.edit document.share",
  recipient_domain: "agent.human_escalation message.email.send message.sms.send social.dm.send document.share",
  resource_type:
    "db.query db.write db.schema_change crm.record.read crm.record.write crm.record.delete vector.query vector.upsert " +
    "vector.delete memory.read memory.write memory.delete",
};

const builtInRisks: ReadonlyMap<string, RiskClass> = new Map(
  riskClasses.flatMap((risk) => (kindsByRisk[risk]?.split(" ") ?? []).map((kind) => [kind, risk] as const)),
);

const routed: Readonly<Record<RoutingKey, ReadonlySet<string>>> = {
  host: new Set(kindsByRoutingKey.host.split(" ")),
  recipient_domain: new Set(kindsByRoutingKey.recipient_domain.split(" ")),
  resource_type: new Set(kindsByRoutingKey.resource_type.split(" ")),
};

/** A kind of the operator's own; its name begins with `custom.`. */
export interface CustomActionKind {
  readonly kind: string;
  readonly riskClass: RiskClass;
  /** The dimensions that quotas of this kind may go by. */
  readonly routingKeys?: readonly RoutingKey[] | undefined;
}

/** The registry's kinds and the operator's own. */
export class ActionKinds {
  readonly #custom: ReadonlyMap<string, CustomActionKind>;

  /** @throws ConfigurationError for a kind that is not the operator's to declare. */
  constructor(custom: readonly CustomActionKind[] = []) {
    for (const { kind, riskClass } of custom) {
      if (!/^custom\.[a-z0-9_.-]{1,57}$/.test(kind)) {
        throw new ConfigurationError(`customKinds: ${kind} must be custom. and a name of a-z, 0-9, _ . -, 64 in all.`);
      }
      if (!riskClasses.includes(riskClass)) {
        throw new ConfigurationError(`customKinds: ${kind} must have a risk class out of ${riskClasses.join(", ")}.`);
      }
    }
    this.#custom = new Map(custom.map((entry) => [entry.kind, entry]));
  }

  /** `undefined` for an undeclared `custom.` kind, which must be refused; any other unknown kind is a side effect. */
  riskOf(kind: string): RiskClass | undefined {
    const risk = builtInRisks.get(kind) ?? this.#custom.get(kind)?.riskClass;
    return risk ?? (kind.startsWith("custom.") ? undefined : "side_effect");
  }

  /** Whether policies may go by this dimension of the kind; undeclared ones are ignored, not refused. */
  isRouted(kind: string, by: RoutingKey): boolean {
    return routed[by].has(kind) || (this.#custom.get(kind)?.routingKeys?.includes(by) ?? false);
  }
}

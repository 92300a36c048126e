/** A variable of the environment that holds a key. */
export interface KeyVariable {
  readonly name: string;
  /** The first SDKs that were seen to read it, with their versions. */
  readonly readBy: string;
}

/** A variable of the environment that holds a base address. */
export interface BaseVariable extends KeyVariable {
  /** What stands behind the gateway's own address in the child's value. */
  readonly path: "" | "/v1";
}

/** A provider, as programs find it in their environment. */
export interface Provider {
  readonly name: "openai" | "anthropic" | "google" | "azure";
  /** Where the requests go when no variable says otherwise; absent: refused. */
  readonly upstream?: string;
  /** The version that a client leaves out of its paths when its base address holds it. */
  readonly version?: string;
  /** The base address of a user holds the version already, and nothing is added to it. */
  readonly isBaseWhole: boolean;
  readonly bases: readonly BaseVariable[];
  readonly keys: readonly KeyVariable[];
}

/** Each row was read in the named package's source; docs/run.md says which were run. */
export const providers: readonly Provider[] = [
  {
    name: "openai",
    upstream: "https://api.openai.com/v1",
    isBaseWhole: true,
    bases: [
      { name: "OPENAI_BASE_URL", path: "/v1", readBy: "openai (PyPI 3.57.0, npm 7.59.0), @ai-sdk/openai 4.0.118" },
      { name: "OPENAI_API_BASE", path: "/v1", readBy: "litellm 1.110.2" },
    ],
    keys: [{ name: "OPENAI_API_KEY", readBy: "openai (PyPI 3.57.0, npm 7.59.0), @ai-sdk/openai 4.0.118" }],
  },
  {
    name: "anthropic",
    upstream: "https://api.anthropic.com",
    version: "v1",
    isBaseWhole: false,
    bases: [
      {
        name: "ANTHROPIC_BASE_URL",
        path: "",
        readBy: "anthropic (PyPI 2.14.0), @anthropic-ai/sdk 1.14.0, @ai-sdk/anthropic 4.0.105",
      },
      { name: "ANTHROPIC_API_BASE", path: "", readBy: "litellm 1.110.2" },
    ],
    keys: [
      {
        name: "ANTHROPIC_API_KEY",
        readBy: "anthropic (PyPI 2.14.0), @anthropic-ai/sdk 1.14.0, @ai-sdk/anthropic 4.0.105",
      },
      { name: "ANTHROPIC_AUTH_TOKEN", readBy: "anthropic (PyPI 2.14.0), @anthropic-ai/sdk 1.14.0" },
    ],
  },
  {
    name: "google",
    upstream: "https://generativelanguage.googleapis.com",
    version: "v1beta",
    isBaseWhole: false,
    bases: [
      { name: "GOOGLE_GEMINI_BASE_URL", path: "", readBy: "google-genai (PyPI 3.6.1), @google/genai 3.3.0" },
      { name: "GEMINI_API_BASE", path: "", readBy: "litellm 1.110.2" },
    ],
    keys: [
      { name: "GEMINI_API_KEY", readBy: "google-genai (PyPI 3.6.1), @google/genai 3.3.0" },
      { name: "GOOGLE_API_KEY", readBy: "google-genai (PyPI 3.6.1), @google/genai 3.3.0" },
      { name: "GOOGLE_GENERATIVE_AI_API_KEY", readBy: "@ai-sdk/google 4.0.121" },
    ],
  },
  {
    name: "azure",
    isBaseWhole: true,
    bases: [
      { name: "AZURE_OPENAI_ENDPOINT", path: "", readBy: "openai (PyPI 3.57.0, npm 7.59.0)" },
      { name: "AZURE_API_BASE", path: "", readBy: "litellm 1.110.2" },
    ],
    keys: [
      { name: "AZURE_OPENAI_API_KEY", readBy: "openai (PyPI 3.57.0, npm 7.59.0)" },
      { name: "AZURE_API_KEY", readBy: "litellm 1.110.2" },
    ],
  },
];

/** Bedrock signs each request for its own host, so that no gateway can pass one on: these point at a refusal. */
export const bedrockBases: readonly KeyVariable[] = [
  { name: "AWS_BEDROCK_BASE_URL", readBy: "openai (PyPI 3.57.0, npm 7.59.0)" },
  { name: "ANTHROPIC_BEDROCK_BASE_URL", readBy: "anthropic (PyPI 2.14.0)" },
  { name: "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", readBy: "the AWS SDKs, from their documentation" },
];

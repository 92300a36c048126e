import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { create, createFileRegistry, fromBinary, type DescService } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  FileDescriptorSetSchema,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
} from "@bufbuild/protobuf/wkt";
import type { ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import protobuf from "protobufjs";
import * as descriptor from "protobufjs/ext/descriptor.js";
import { onTestFinished } from "vitest";

/** The service of the shipped `.proto`, as protobuf-es sees it: the file itself is what is tested. */
export function aspService(): DescService {
  const text = readFileSync(new URL("../../proto/asp.proto", import.meta.url), "utf8");
  const root = new protobuf.Root();
  for (const name of ["struct", "timestamp"]) {
    const common = protobuf.common.get(`google/protobuf/${name}.proto`);
    if (common?.nested === undefined) throw new Error(`protobufjs has no ${name}`);
    root.addJSON(common.nested);
  }
  protobuf.parse(text, root, { keepCase: true });
  root.resolveAll();
  const set = (root as unknown as { toDescriptor(edition: string): protobuf.Message }).toDescriptor("proto3");
  const bytes = descriptor.FileDescriptorSet.encode(set).finish();
  const file = fromBinary(FileDescriptorSetSchema, bytes).file.find((candidate) => candidate.package === "asp.v1");
  if (file === undefined) throw new Error("the .proto file has no package asp.v1");
  const known = [file_google_protobuf_struct, file_google_protobuf_timestamp];
  file.dependency = known.map(({ proto }) => proto.name);
  for (const message of file.messageType) {
    for (const field of message.field) {
      field.typeName = qualified(field.typeName, message);
      // protobufjs leaves out a JSON name that is the same.
      field.jsonName ||= field.name;
    }
  }
  for (const { method } of file.service) {
    for (const entry of method) {
      entry.inputType = qualified(entry.inputType);
      entry.outputType = qualified(entry.outputType);
    }
  }
  const registry = createFileRegistry(file, (name) => known.find(({ proto }) => proto.name === name));
  const service = registry.getService("asp.v1.AgentSpendProtocol");
  if (service === undefined) throw new Error("the .proto file holds no such service");
  return service;
}

/** protobufjs writes names as short as they can be; protobuf-es wants them whole. */
function qualified(name: string, within?: DescriptorProto): string {
  if (name === "" || name.startsWith(".")) return name;
  const bare = name.split(".").at(-1) ?? name;
  if (bare === "Struct" || bare === "Timestamp") return `.google.protobuf.${bare}`;
  const isNested = within?.enumType.some((nested) => nested.name === bare) === true;
  return isNested ? `.asp.v1.${within?.name}.${bare}` : `.asp.v1.${bare}`;
}

type Handler = (request: Record<string, unknown>) => Record<string, unknown>;

/** A stock Connect server on a real socket; each handler gets and gives messages of the shipped `.proto`. */
export async function startConnectServer(handlers: Readonly<Record<string, Handler>>, prefix = ""): Promise<string> {
  const service = aspService();
  const routes = (router: ConnectRouter): void => {
    const implementation = Object.fromEntries(
      Object.entries(handlers).map(([name, handler]) => [
        name,
        (request: Record<string, unknown>) => {
          const output = service.method[name]?.output;
          if (output === undefined) throw new Error(`no method ${name}`);
          return create(output, handler(request) as never);
        },
      ]),
    );
    router.service(service, implementation as never);
  };
  const server = createServer(connectNodeAdapter({ routes, requestPathPrefix: prefix }));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}${prefix}`;
}

import type { WireSchema } from "../../wire/schema.ts";
import { type JobEvent, jobEventSchema } from "./event.ts";
import { type WireFailure, failureSchema } from "./failure.ts";
import {
  type JobAccepted,
  type JobCancel,
  type JobCancelled,
  type JobError,
  type JobResult,
  type JobSubmit,
  type JobSubscribe,
  type JobSubscribed,
  type JobUnsubscribe,
  jobAcceptedSchema,
  jobCancelSchema,
  jobCancelledSchema,
  jobErrorSchema,
  jobResultSchema,
  jobSubmitSchema,
  jobSubscribeSchema,
  jobSubscribedSchema,
  jobUnsubscribeSchema,
} from "./job.ts";
import {
  type SessionAck,
  type SessionClose,
  type SessionHello,
  type SessionJobs,
  type SessionListJobs,
  type SessionPing,
  type SessionPong,
  type SessionResume,
  type SessionWelcome,
  sessionAckSchema,
  sessionCloseSchema,
  sessionHelloSchema,
  sessionJobsSchema,
  sessionListJobsSchema,
  sessionPingSchema,
  sessionPongSchema,
  sessionResumeSchema,
  sessionWelcomeSchema,
} from "./session.ts";

/** What a client sends: payload by message type. */
export interface ClientMessages {
  readonly "session.hello": SessionHello;
  readonly "session.resume": SessionResume;
  readonly "session.close": SessionClose;
  readonly "session.bye": SessionClose;
  readonly "session.ping": SessionPing;
  readonly "session.pong": SessionPong;
  readonly "session.ack": SessionAck;
  readonly "session.list_jobs": SessionListJobs;
  readonly "job.submit": JobSubmit;
  readonly "job.cancel": JobCancel;
  readonly "job.subscribe": JobSubscribe;
  readonly "job.unsubscribe": JobUnsubscribe;
}

/** What a runtime sends: payload by message type. */
export interface RuntimeMessages {
  readonly "session.welcome": SessionWelcome;
  readonly "session.error": WireFailure;
  readonly "session.closed": SessionClose;
  readonly "session.bye": SessionClose;
  readonly "session.ping": SessionPing;
  readonly "session.pong": SessionPong;
  readonly "session.jobs": SessionJobs;
  readonly "job.accepted": JobAccepted;
  readonly "job.cancelled": JobCancelled;
  readonly "job.event": JobEvent;
  readonly "job.result": JobResult;
  readonly "job.error": JobError;
  readonly "job.subscribed": JobSubscribed;
}

/** Payload schemas of what a client sends. */
export const clientMessageSchemas: {
  readonly [Type in keyof ClientMessages]: WireSchema<ClientMessages[Type]>;
} = {
  "session.hello": sessionHelloSchema,
  "session.resume": sessionResumeSchema,
  "session.close": sessionCloseSchema,
  "session.bye": sessionCloseSchema,
  "session.ping": sessionPingSchema,
  "session.pong": sessionPongSchema,
  "session.ack": sessionAckSchema,
  "session.list_jobs": sessionListJobsSchema,
  "job.submit": jobSubmitSchema,
  "job.cancel": jobCancelSchema,
  "job.subscribe": jobSubscribeSchema,
  "job.unsubscribe": jobUnsubscribeSchema,
};

/** Payload schemas of what a runtime sends. */
export const runtimeMessageSchemas: {
  readonly [Type in keyof RuntimeMessages]: WireSchema<RuntimeMessages[Type]>;
} = {
  "session.welcome": sessionWelcomeSchema,
  "session.error": failureSchema,
  "session.closed": sessionCloseSchema,
  "session.bye": sessionCloseSchema,
  "session.ping": sessionPingSchema,
  "session.pong": sessionPongSchema,
  "session.jobs": sessionJobsSchema,
  "job.accepted": jobAcceptedSchema,
  "job.cancelled": jobCancelledSchema,
  "job.event": jobEventSchema,
  "job.result": jobResultSchema,
  "job.error": jobErrorSchema,
  "job.subscribed": jobSubscribedSchema,
};

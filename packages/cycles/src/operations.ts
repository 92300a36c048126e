import type {
  BalanceResponse,
  CommitResponse,
  DecisionResponse,
  EventCreateResponse,
  ReleaseResponse,
  ReservationCreateResponse,
  ReservationDetail,
  ReservationExtendResponse,
  ReservationListResponse,
} from "@imprest/core/models/cycles";
import {
  balanceResponseSchema,
  commitResponseSchema,
  decisionResponseSchema,
  eventCreateResponseSchema,
  releaseResponseSchema,
  reservationCreateResponseSchema,
  reservationDetailSchema,
  reservationExtendResponseSchema,
  reservationListResponseSchema,
} from "@imprest/core/models/cycles";
import type { Operation } from "./connection.ts";

// The operations of the runtime plane (Cycles §paths): their names, and the one answer that is a success.

export const createReservation: Operation<ReservationCreateResponse> = {
  name: "createReservation",
  status: 200,
  schema: reservationCreateResponseSchema,
};

export const dryRun: Operation<ReservationCreateResponse> = { ...createReservation, name: "dryRun" };

export const commitReservation: Operation<CommitResponse> = {
  name: "commitReservation",
  status: 200,
  schema: commitResponseSchema,
};

export const releaseReservation: Operation<ReleaseResponse> = {
  name: "releaseReservation",
  status: 200,
  schema: releaseResponseSchema,
};

export const extendReservation: Operation<ReservationExtendResponse> = {
  name: "extendReservation",
  status: 200,
  schema: reservationExtendResponseSchema,
};

export const decide: Operation<DecisionResponse> = { name: "decide", status: 200, schema: decisionResponseSchema };

export const createEvent: Operation<EventCreateResponse> = {
  name: "createEvent",
  status: 201,
  schema: eventCreateResponseSchema,
};

export const getReservation: Operation<ReservationDetail> = {
  name: "getReservation",
  status: 200,
  schema: reservationDetailSchema,
};

export const listReservations: Operation<ReservationListResponse> = {
  name: "listReservations",
  status: 200,
  schema: reservationListResponseSchema,
};

export const getBalances: Operation<BalanceResponse> = {
  name: "getBalances",
  status: 200,
  schema: balanceResponseSchema,
};

import {
  type BalanceResponse,
  type CommitResponse,
  type DecisionResponse,
  type EventCreateResponse,
  type ReleaseResponse,
  type ReservationCreateResponse,
  type ReservationDetail,
  type ReservationExtendResponse,
  type ReservationListResponse,
  balanceResponse,
  commitResponse,
  decisionResponse,
  eventCreateResponse,
  releaseResponse,
  reservationCreateResponse,
  reservationDetail,
  reservationExtendResponse,
  reservationListResponse,
} from "@imprest/core/models/cycles";
import type { Operation } from "./connection.ts";

// The operations of the runtime plane (Cycles §paths): their names, and the one answer that is a success.

export const createReservation: Operation<ReservationCreateResponse> = {
  name: "createReservation",
  status: 200,
  schema: reservationCreateResponse,
};

export const dryRun: Operation<ReservationCreateResponse> = { ...createReservation, name: "dryRun" };

export const commitReservation: Operation<CommitResponse> = {
  name: "commitReservation",
  status: 200,
  schema: commitResponse,
};

export const releaseReservation: Operation<ReleaseResponse> = {
  name: "releaseReservation",
  status: 200,
  schema: releaseResponse,
};

export const extendReservation: Operation<ReservationExtendResponse> = {
  name: "extendReservation",
  status: 200,
  schema: reservationExtendResponse,
};

export const decide: Operation<DecisionResponse> = { name: "decide", status: 200, schema: decisionResponse };

export const createEvent: Operation<EventCreateResponse> = {
  name: "createEvent",
  status: 201,
  schema: eventCreateResponse,
};

export const getReservation: Operation<ReservationDetail> = {
  name: "getReservation",
  status: 200,
  schema: reservationDetail,
};

export const listReservations: Operation<ReservationListResponse> = {
  name: "listReservations",
  status: 200,
  schema: reservationListResponse,
};

export const getBalances: Operation<BalanceResponse> = {
  name: "getBalances",
  status: 200,
  schema: balanceResponse,
};

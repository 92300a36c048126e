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
  balanceResponseShape,
  commitResponseShape,
  decisionResponseShape,
  eventCreateResponseShape,
  releaseResponseShape,
  reservationCreateResponseShape,
  reservationDetailShape,
  reservationExtendResponseShape,
  reservationListResponseShape,
} from "@imprest/core/models/cycles/shapes";
import type { Operation } from "./connection.ts";

// The operations of the runtime plane (Cycles §paths): their names, and the one answer that is a success.

export const createReservation: Operation<ReservationCreateResponse> = {
  name: "createReservation",
  status: 200,
  schema: reservationCreateResponseShape,
};

export const dryRun: Operation<ReservationCreateResponse> = { ...createReservation, name: "dryRun" };

export const commitReservation: Operation<CommitResponse> = {
  name: "commitReservation",
  status: 200,
  schema: commitResponseShape,
};

export const releaseReservation: Operation<ReleaseResponse> = {
  name: "releaseReservation",
  status: 200,
  schema: releaseResponseShape,
};

export const extendReservation: Operation<ReservationExtendResponse> = {
  name: "extendReservation",
  status: 200,
  schema: reservationExtendResponseShape,
};

export const decide: Operation<DecisionResponse> = { name: "decide", status: 200, schema: decisionResponseShape };

export const createEvent: Operation<EventCreateResponse> = {
  name: "createEvent",
  status: 201,
  schema: eventCreateResponseShape,
};

export const getReservation: Operation<ReservationDetail> = {
  name: "getReservation",
  status: 200,
  schema: reservationDetailShape,
};

export const listReservations: Operation<ReservationListResponse> = {
  name: "listReservations",
  status: 200,
  schema: reservationListResponseShape,
};

export const getBalances: Operation<BalanceResponse> = {
  name: "getBalances",
  status: 200,
  schema: balanceResponseShape,
};

import type { Activity } from "imprest/internal";
import type { JSX } from "preact";
import { Foreign } from "../shared/foreign.tsx";
import { machineTime, spanText, timeText } from "../shared/time.ts";
import { AmountOf, Kind, More, capsText } from "./activity-cells.tsx";

interface LifeStepsProps {
  readonly activities: readonly Activity[];
  readonly nowMs: number;
}

/** What happened to a reservation, in order, each with the time since the step before it. */
export function LifeSteps({ activities, nowMs }: LifeStepsProps): JSX.Element {
  if (activities.length === 0) {
    return <p class="muted">It opened before this console looked, and nothing has happened to it since.</p>;
  }
  return (
    <section>
      <h3>Its life</h3>
      <ol class="steps">
        {activities.map((activity, at) => {
          const before = activities[at - 1];
          return (
            <li key={activity.number}>
              <div class="step-head">
                <Kind kind={activity.kind} />
                <strong>
                  <AmountOf activity={activity} />
                </strong>
                <time class="muted" dateTime={machineTime(activity.atMs)}>
                  {timeText(activity.atMs, nowMs)}
                  {before !== undefined && `, ${spanText(activity.atMs - before.atMs)} later`}
                </time>
              </div>
              <div class="muted">
                {activity.caps === undefined ? (
                  <More activity={activity} nowMs={nowMs} />
                ) : (
                  <Foreign text={`caps: ${capsText(activity.caps)}`} most={300} />
                )}
              </div>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

import { TimeoutError, type Timer } from "@imprest/core";
import type { JobEntry } from "@imprest/core/models/arcp";
import type { JobState } from "../job/job-state.ts";
import { terminal } from "../job/terminal.ts";
import { JobSearch, type RecoveryRooms } from "./job-search.ts";
import type { Settings } from "./options.ts";

/**
 * Brings jobs through a lost connection. After a resume the runtime is asked which jobs it has; one that it does not list,
 * or lists as ended, and that stays silent is searched for. The same is asked when jobs are silent for long, so that not
 * even a swallowed frame makes a caller wait for ever.
 */
export class Recovery {
  readonly search: JobSearch;
  readonly #rooms: RecoveryRooms;
  readonly #settings: Settings;
  #probe: Timer | undefined;
  #run = 0;
  #seqAtProbe = -1;
  /** When the last event was seen to have come. */
  #eventAtMs = 0;
  #repairedAt = -1;

  constructor(rooms: RecoveryRooms, settings: Settings) {
    this.#rooms = rooms;
    this.#settings = settings;
    this.search = new JobSearch(rooms, settings);
  }

  /** The first connection stands. */
  start(): void {
    this.#rooms.ledger.open();
    this.#armProbe();
  }

  /** The same session is connected again; what was missed is being replayed. */
  async resumed(): Promise<void> {
    const run = ++this.#run;
    this.#armProbe();
    try {
      // The answer comes behind the replay, so that no refusal in it can meet a request that is sent again.
      const listed = await this.#barrier();
      if (run !== this.#run) return;
      this.#rooms.connection.skipHole();
      this.#rooms.ledger.open();
      if (listed !== undefined) this.search.watch(this.missing(listed));
    } catch (error) {
      if (run !== this.#run) return;
      if (error instanceof TimeoutError) this.#rooms.connection.restart(error);
      else this.#rooms.ledger.open();
    }
  }

  /** Connected, but to a new session: the jobs of the old one are looked for. */
  renewed(): void {
    this.#run++;
    this.#armProbe();
    this.#rooms.ledger.open();
    for (const job of this.#jobs()) {
      if (!job.origin.observed && job.replayFrom === undefined) {
        job.replayFrom = job.lastSeq;
        job.replays.forget();
      }
      void this.search.find(job);
    }
  }

  /** The job was accepted, but it may be an earlier one that has ended: then nothing may ever come. */
  joined(job: JobState): void {
    job.joined = true;
    this.search.watch([job]);
  }

  down(): void {
    this.#run++;
    this.search.stop();
  }

  stop(): void {
    this.down();
    this.#probe?.clear();
  }

  /** Own jobs that the runtime does not have, or has as ended, though their end has not come. */
  missing(listed: readonly JobEntry[]): JobState[] {
    const status = new Map(listed.map((entry) => [entry.job_id, entry.status]));
    return this.#jobs().filter((job) => {
      const state = status.get(job.id);
      job.endedAs = state !== undefined && terminal(state) ? state : undefined;
      return state === undefined ? !job.origin.observed : job.endedAs !== undefined;
    });
  }

  #jobs(): JobState[] {
    return [...this.#rooms.router.jobs.values()];
  }

  #negotiated(feature: string): boolean {
    return this.#rooms.connection.welcome?.features.has(feature) === true;
  }

  async #barrier(): Promise<readonly JobEntry[] | undefined> {
    if (this.#negotiated("list_jobs")) return this.#rooms.requests.listAll();
    await this.#rooms.requests.ping();
    return undefined;
  }

  /** Asks now and then whether silent jobs still run. */
  #armProbe(): void {
    this.#probe?.clear();
    this.#eventAtMs = this.#settings.clock.monotonic();
    this.#again();
  }

  #again(): void {
    const { clock, probeAfterMs, idleTimeoutMs } = this.#settings;
    const asks = this.#negotiated("list_jobs") || this.#negotiated("heartbeat");
    this.#probe = clock.setTimer(
      () => {
        this.#again();
        void this.#look();
      },
      asks ? probeAfterMs : Math.min(probeAfterMs, idleTimeoutMs),
    );
  }

  async #look(): Promise<void> {
    const { clock } = this.#settings;
    const seq = this.#rooms.connection.sequence.last;
    const silent = seq === this.#seqAtProbe;
    this.#seqAtProbe = seq;
    if (!silent) this.#eventAtMs = clock.monotonic();
    if (!silent || this.#jobs().length === 0) return;
    if (this.#negotiated("list_jobs")) await this.#askWhichRun(seq);
    else if (!this.#negotiated("heartbeat")) this.#giveUpIdle();
  }

  /** Nothing can be asked, and nothing would say that the connection is dead. */
  #giveUpIdle(): void {
    const { clock, idleTimeoutMs } = this.#settings;
    if (clock.monotonic() - this.#eventAtMs < idleTimeoutMs) return;
    this.#rooms.connection.restart(
      new TimeoutError(`No event of a running job came for ${idleTimeoutMs} ms.`, idleTimeoutMs),
    );
  }

  async #askWhichRun(seq: number): Promise<void> {
    const run = this.#run;
    try {
      const listed = await this.#rooms.requests.listAll();
      if (run !== this.#run || this.#rooms.connection.sequence.last !== seq) return;
      // Only jobs that still run under this session number their events as it does.
      const counted = this.#jobs().filter((job) => job.replayFrom === undefined);
      const own = new Set(counted.map(({ id }) => id));
      const ahead = listed.some(({ job_id, last_event_seq }) => own.has(job_id) && (last_event_seq ?? 0) > seq);
      const missing = this.missing(listed);
      if (!ahead && missing.length === 0) return;
      if (this.#repairedAt === seq) return this.search.watch(missing);
      // Something was sent that has not come: a resume brings it.
      this.#repairedAt = seq;
      this.#rooms.connection.restart(
        new TimeoutError("Events were missing after a long silence.", this.#settings.probeAfterMs),
      );
    } catch (error) {
      if (run === this.#run && error instanceof TimeoutError) this.#rooms.connection.restart(error);
    }
  }
}

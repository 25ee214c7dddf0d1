/**
 * One server's working state, which every handler reaches through its client: settings, time, keyspace,
 * clients, commands. It wires nothing to sockets or files; server/ does.
 */
import type { Configuration } from '../config/configuration.ts'
import type { Settings } from '../config/settings.ts'
import { ExpireCycle } from '../keyspace/expiry.ts'
import { Keyspace } from '../keyspace/keyspace.ts'
import { Aof } from '../persistence/aof.ts'
import { AofBase } from '../persistence/aof-base.ts'
import { BackgroundSave } from '../persistence/background-save.ts'
import { CommandStream } from '../persistence/command-stream.ts'
import { Dataset } from '../persistence/dataset.ts'
import { DumpReader, DumpWriter } from '../persistence/dump-payload.ts'
import { Snapshots } from '../persistence/snapshots.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { Random } from '../platform/random.ts'
import type { Timers } from '../platform/timers.ts'
import { AccessList } from './acl/access-list.ts'
import { Artifacts } from './artifacts/artifacts.ts'
import { Blocking } from './blocking.ts'
import { Client, type Link } from './client.ts'
import { ClientEviction } from './client-eviction.ts'
import type { Family } from './command.ts'
import { CommandTable } from './command-table.ts'
import { DiskErrors } from './disk-errors.ts'
import { Dispatcher } from './dispatcher.ts'
import { faultFrames, faultName } from './fault-text.ts'
import { Faults } from './faults.ts'
import { GATE_LOADING } from './gates.ts'
import { IdlePoll } from './idle-poll.ts'
import { KeyChanges } from './key-changes.ts'
import { KeyGuard } from './key-guard.ts'
import { KeyspaceEvents } from './keyspace-events.ts'
import { MemoryLimit } from './memory-limit.ts'
import { Migrations } from './migration.ts'
import { Monitor } from './monitor.ts'
import { OutputLimits } from './output-limits.ts'
import { Pause } from './pause.ts'
import { Propagation } from './propagation.ts'
import { PubSub } from './pubsub.ts'
import { Pushes } from './pushes.ts'
import { SlowLog } from './slow-log.ts'
import { Stats } from './stats.ts'
import { Tracking } from './tracking.ts'
import { Turn } from './turn.ts'
import { Watches } from './watches.ts'

/** What an engine is built from. */
export interface EngineParts {
  readonly configuration: Configuration
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly log: Log
  readonly families: readonly Family[]
  /** What SHUTDOWN calls; the server closes its listeners and stops. */
  readonly shutdown: () => void
  /** Called when it can't go on: the server drops its clients and stops, with this error. */
  readonly halt?: (error: Error) => void
}

export class Engine {
  readonly configuration: Configuration
  /** The values in force, configuration.settings. */
  readonly settings: Settings
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly log: Log
  readonly shutdown: () => void
  /** Ends the server before another reply leaves: what it would acknowledge did not come about. */
  readonly halt: (error: Error) => void
  readonly keyspace: Keyspace
  readonly dataset: Dataset
  readonly snapshots: Snapshots
  readonly backgroundSave: BackgroundSave
  readonly diskErrors: DiskErrors
  readonly faults: Faults
  /** One value as DUMP and RESTORE exchange it. */
  readonly dumpWriter: DumpWriter
  readonly dumpReader: DumpReader
  readonly propagation: Propagation
  readonly aof: Aof
  readonly keyChanges: KeyChanges
  readonly watches: Watches
  readonly commands: CommandTable
  readonly acl: AccessList
  readonly artifacts: Artifacts
  readonly slowLog: SlowLog
  readonly dispatcher: Dispatcher
  readonly idlePoll: IdlePoll
  readonly turn: Turn
  readonly pause: Pause
  readonly blocking: Blocking
  readonly keyGuard: KeyGuard
  readonly migrations: Migrations
  readonly stats: Stats
  readonly outputLimits: OutputLimits
  readonly pushes: Pushes
  readonly pubsub: PubSub
  readonly tracking: Tracking
  readonly monitor: Monitor
  readonly memoryLimit: MemoryLimit
  readonly clientEviction: ClientEviction
  readonly expireCycle: ExpireCycle
  /** Connected clients by id, in the order of their connection. */
  readonly clients: Map<number, Client>
  /** GATE_* bits that are up for every client. */
  gates: number
  /** 40 hexadecimal digits, new at each start (INFO run_id). */
  readonly runId: string
  replicationId: string
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** EXEC is running its queue: what must not begin in the middle of a transaction waits. */
  inExec: boolean
  /** DEBUG PAUSE-CRON. */
  cronPaused: boolean
  /** Has the server listen where these settings say; rejects with a one-line Error. Null without a server. */
  relisten: ((settings: Settings) => Promise<void>) | null
  /** Who hears of the server's life (INFO process_supervised). */
  supervisedBy: 'no' | 'systemd'
  /** In tests a fault of ours fails the run: they replace this. */
  onFault: ((where: string, error: unknown) => void) | null
  private nextClientId: number

  constructor(parts: EngineParts) {
    const { log } = parts
    this.configuration = parts.configuration
    this.settings = parts.configuration.settings
    this.clock = parts.clock
    this.timers = parts.timers
    this.random = parts.random
    this.log = parts.log
    this.shutdown = parts.shutdown
    this.halt = (error) => {
      this.turn.halt()
      parts.halt?.(error)
    }
    this.keyspace = new Keyspace(this.settings, parts.clock, parts.random)
    this.dataset = new Dataset(this.keyspace, this.configuration, parts.log, parts.timers)
    this.snapshots = new Snapshots(this.keyspace, parts.timers, () => this.stats.commandsProcessed)
    this.backgroundSave = new BackgroundSave(this.keyspace, this.settings, this.dataset, this.snapshots, log)
    this.dumpWriter = new DumpWriter(this.keyspace)
    this.dumpReader = new DumpReader(this.keyspace)
    this.propagation = new Propagation(this, new CommandStream())
    this.aof = this.appendOnlyFile(parts)
    this.keyChanges = new KeyChanges(this.keyspace)
    this.watches = new Watches(this.keyChanges)
    this.commands = new CommandTable(parts.families, parts.configuration.renames)
    this.slowLog = new SlowLog()
    this.dispatcher = new Dispatcher(this, this.commands)
    this.idlePoll = new IdlePoll(this.settings, parts.clock, parts.timers)
    this.turn = new Turn(parts.timers, this.idlePoll)
    this.pause = new Pause(this, parts.timers)
    this.blocking = new Blocking(this, parts.timers)
    this.keyGuard = new KeyGuard(this)
    this.migrations = new Migrations(this)
    this.stats = new Stats()
    this.outputLimits = new OutputLimits(this.settings, parts.clock, parts.timers, parts.log, this.stats)
    this.pushes = new Pushes(this)
    this.pubsub = new PubSub(this.pushes)
    this.expireCycle = new ExpireCycle(this.keyspace)
    this.clients = new Map()
    this.gates = 0
    this.runId = hexId(parts.random)
    this.replicationId = hexId(parts.random)
    this.startedAt = parts.clock.now
    this.inExec = false
    this.cronPaused = false
    this.relisten = null
    this.supervisedBy = 'no'
    this.onFault = null
    this.nextClientId = 1
    this.tracking = new Tracking(this)
    this.monitor = new Monitor(this)
    this.memoryLimit = new MemoryLimit(this)
    this.clientEviction = new ClientEviction(this)
    this.acl = new AccessList(this)
    this.artifacts = new Artifacts(this)
    this.diskErrors = new DiskErrors(this)
    this.faults = new Faults(this)
    this.turn.beforeReplies.push(() => this.aof.writer.flush())
    new KeyspaceEvents(this.pubsub).follow(this.keyChanges, this.configuration)
  }

  private appendOnlyFile(parts: EngineParts): Aof {
    const aof = new Aof({
      configuration: parts.configuration,
      clock: parts.clock,
      log: parts.log,
      stream: this.propagation.stream,
      latency: this.keyspace.latency,
      base: new AofBase(this.keyspace, this.snapshots),
      activate: (active) => this.propagation.activate(active),
      halt: this.halt,
      onStatus: () => this.diskErrors.refresh(),
    })
    parts.configuration.onChange('appendonly', (wanted) => {
      if (!wanted) aof.turnOff()
      else if ((this.gates & GATE_LOADING) !== 0) return 'the dataset is being loaded'
      else if (!this.dataset.enabled) return 'this server keeps no file, since no dir was given'
      else return this.claimAppendOnlyFile() ?? aof.turnOn(this.inExec) ?? undefined
      return undefined
    })
    return aof
  }

  /** Why the append-only file's directory can't be this server's own; null when it is. */
  private claimAppendOnlyFile(): string | null {
    try {
      this.dataset.claims?.claim(this.configuration.path('appenddirname'))
      return null
    } catch (error) {
      return (error as Error).message
    }
  }

  /** Registers a client for a link that has just been opened. */
  connect(link: Link): Client {
    const client = new Client(this, link, this.nextClientId++)
    this.acl.greet(client)
    this.clients.set(client.id, client)
    this.stats.connectionsReceived++
    return client
  }

  /** Clients that connect from now on have higher ones; 0 before the first. */
  get lastClientId(): number {
    return this.nextClientId - 1
  }

  /** Forgets a client whose link has closed. */
  disconnect(client: Client): void {
    this.clients.delete(client.id)
    this.pause.forget(client)
    this.blocking.forget(client)
    this.keyGuard.forget(client)
    this.watches.unwatch(client)
    this.outputLimits.forget(client)
    this.clientEviction.forget(client)
    this.memoryLimit.forget(client)
    this.pubsub.unsubscribeAll(client)
    this.tracking.forget(client)
    this.monitor.stop(client)
    this.faults.forget(client)
  }

  /** Records an error that is ours: never thrown at a client as a stack. */
  fault(where: string, error: unknown): void {
    this.log.warning([`Fault in ${where}: ${faultName(error)}`, ...faultFrames(error)].join('\n'))
    this.onFault?.(where, error)
  }
}

/** A random id as Redis prints them: 40 hexadecimal digits. */
export function hexId(random: Random): string {
  let id = ''
  while (id.length < 40) id += random.uint32().toString(16).padStart(8, '0')
  return id
}

/**
 * Clients that wait, most of them for keys: for which, who is served first when one arrives, and how waiting ends
 * otherwise. What serving a client means is its command's business.
 *
 * A client waits for a list only while the key has none, and no list is empty; so only a list that comes to be
 * under a key can serve anybody. The keyspace tells of that and of nothing else: a write that makes no new list
 * pays one comparison, or none, however many clients wait. An arrival only marks the key ready. Clients are
 * served after the command, or the whole transaction, that made it; what is gone again by then serves nobody.
 *
 * The order is Redis's: keys in the order in which they became ready, and for each the clients in the order in
 * which they blocked. Serving may make other keys ready (BLMOVE): they follow in a next round.
 */
import type { Database } from '../keyspace/database.ts'
import type { Entry } from '../keyspace/entry.ts'
import type { ArrivalListener, Keyspace } from '../keyspace/keyspace.ts'
import type { Timer, Timers } from '../platform/timers.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { ErrorReply } from '../protocol/error-replies.ts'
import { type Client, HELD_BY_BLOCK } from './client.ts'
import type { Command } from './command.ts'
import type { Engine } from './engine.ts'
import { type Kept, KeptArguments } from './kept-arguments.ts'
import { type KeyQueue, KeyQueues, Place } from './key-queues.ts'

const UNBLOCKED = new ErrorReply('UNBLOCKED client unblocked via CLIENT UNBLOCK')

/** Places that a client keeps for the next time it waits. */
const PLACES_KEPT = 8

/** Replies as the command does when it finds the key that argument `key` names; it holds a list. */
export type Serve = (client: Client, args: Arguments, key: number) => void

/** How long a command waits, and what it answers when that was in vain. */
export interface Wait {
  /** Milliseconds; 0 is for ever. */
  readonly timeout: number
  readonly inVain: (client: Client) => void
}

/** For which of its arguments a command waits. */
export interface KeyWait extends Wait {
  /** Its keys are the arguments from `firstKey` to `lastKey`. */
  readonly firstKey: number
  readonly lastKey: number
  /** The type of value it waits for. */
  readonly type: number
  readonly serve: Serve
}

/**
 * A client that waits, with its command. The client keeps it for the next time: most that are served wait again, and
 * the next command has as many keys.
 */
export class Blocked {
  readonly client: Client
  waiting: boolean = false
  command: Command
  args: Kept = 0
  inVain: (client: Client) => void = nothing
  type: number = 0
  serve: Serve = nothing
  /** The first `keys` of them are where it waits. */
  readonly places: Place[] = []
  keys: number = 0
  /** Null when it waits for ever. */
  timer: Timer | null = null

  constructor(client: Client, command: Command) {
    this.client = client
    this.command = command
  }
}

function nothing(): void {}

export class Blocking implements ArrivalListener {
  /** Keys that clients can be served on. Whoever runs commands calls serve() after each when there are any. */
  ready: KeyQueue[]
  /** Clients that wait. */
  count: number
  /** Clients that wait for a limited time (INFO clients_in_timeout_table). */
  timedCount: number
  private readonly engine: Engine
  private readonly keyspace: Keyspace
  private readonly timers: Timers
  private readonly kept: KeptArguments
  private readonly queues: KeyQueues

  constructor(engine: Engine, timers: Timers) {
    this.ready = []
    this.timedCount = 0
    this.engine = engine
    this.keyspace = engine.keyspace
    this.timers = timers
    this.count = 0
    this.kept = new KeptArguments()
    this.queues = new KeyQueues(this.kept)
  }

  /** Keys that clients wait for. */
  get keyCount(): number {
    return this.queues.count
  }

  /** Blocks the client whose command `args` is running until a key comes; it must not have replied. */
  block(client: Client, args: Arguments, wait: KeyWait): void {
    const blocked = this.begin(client, args, wait)
    blocked.type = wait.type
    blocked.serve = wait.serve
    for (let key = wait.firstKey; key <= wait.lastKey; key++) {
      const queue = this.queues.of(client.db, args, key)
      // A key named twice is one key.
      if (queue.last?.blocked !== blocked) enter(queue, blocked, key)
    }
    this.keyspace.arrivals = this
  }

  /** Blocks the client whose command `args` is running until the time is over, or somebody ends the wait. */
  hold(client: Client, args: Arguments, wait: Wait): void {
    this.begin(client, args, wait)
  }

  private begin(client: Client, args: Arguments, wait: Wait): Blocked {
    const command = client.lastCommand
    if (command === null) throw new Error('only a command can block its client')
    const blocked = (client.blocked ??= new Blocked(client, command))
    blocked.waiting = true
    blocked.command = command
    blocked.args = this.kept.keep(args)
    blocked.inVain = wait.inVain
    if (wait.timeout > 0) {
      this.timedCount++
      blocked.timer = this.timers.timeout(() => this.timeOut(blocked), wait.timeout)
    }
    client.held |= HELD_BY_BLOCK
    this.count++
    return blocked
  }

  /** CLIENT UNBLOCK: ends the wait as a timeout does, or with an error. False when the client does not wait. */
  unblock(client: Client, withError: boolean): boolean {
    const { blocked } = client
    if (blocked === null || !blocked.waiting) return false
    this.leave(blocked)
    if (!withError) blocked.command.failed++
    this.finish(blocked, () => {
      if (withError) throw UNBLOCKED
      blocked.inVain(client)
    })
    return true
  }

  /** Forgets a client that is gone. */
  forget(client: Client): void {
    const { blocked } = client
    if (blocked?.waiting === true) this.leave(blocked)
  }

  keyArrived(db: Database, entry: Entry): void {
    const queue = this.queues.find(db, entry.hash, entry.block, entry.keyOffset, entry.keyLength)
    if (queue !== null) this.markReady(queue)
  }

  databasesSwapped(one: Database, other: Database): void {
    this.queues.ofDatabases(one, other, (queue) => this.markReady(queue))
  }

  /** Serves whom the ready keys can serve. */
  serve(): void {
    while (this.ready.length > 0) {
      const { ready } = this
      this.ready = []
      for (const queue of ready) {
        queue.ready = false
        this.serveKey(queue)
      }
    }
  }

  private serveKey(queue: KeyQueue): void {
    let place = queue.first
    for (let left = queue.length; place !== null && left > 0; left--) {
      if (!place.left) {
        const { blocked, argument } = place
        const args = this.kept.read(blocked.args)
        if (argument === 1) args.keyHash = queue.hash
        const entry = queue.db.find(args, argument)
        if (entry === null) return
        if (entry.type === blocked.type) this.serveClient(blocked, args, argument)
      }
      place = place.next
    }
  }

  private serveClient(blocked: Blocked, args: Arguments, argument: number): void {
    const { client, serve } = blocked
    this.leave(blocked)
    this.finish(blocked, () => serve(client, args, argument), args)
  }

  private timeOut(blocked: Blocked): void {
    const { dispatcher } = this.engine
    this.leave(blocked)
    dispatcher.beginBatch()
    this.finish(blocked, () => blocked.inVain(blocked.client))
    dispatcher.endBatch()
  }

  /** Has the client, which waits no more, answered; then it goes on with its input. */
  private finish({ client, command }: Blocked, answer: () => void, args: Arguments | null = null): void {
    this.engine.dispatcher.finishBlocked(client, command, answer, args)
    client.link.flushSoon()
    client.link.resume()
  }

  /** Takes the client out of all its queues. Its arguments can be read until another client blocks. */
  private leave(blocked: Blocked): void {
    const { client, timer, places } = blocked
    for (let i = 0; i < blocked.keys; i++) {
      const { queue } = places[i]
      queue.remove(places[i])
      if (queue.length === 0) this.queues.drop(queue)
    }
    blocked.keys = 0
    if (places.length > PLACES_KEPT) places.length = PLACES_KEPT
    if (timer !== null) {
      timer.cancel()
      blocked.timer = null
      this.timedCount--
    }
    blocked.waiting = false
    this.kept.giveBack(blocked.args)
    blocked.args = 0
    client.held &= ~HELD_BY_BLOCK
    this.count--
    if (this.queues.count === 0) this.keyspace.arrivals = null
  }

  private markReady(queue: KeyQueue): void {
    if (queue.ready) return
    queue.ready = true
    this.ready.push(queue)
  }
}

function enter(queue: KeyQueue, blocked: Blocked, argument: number): void {
  const { places, keys } = blocked
  if (keys === places.length) places.push(new Place(blocked, queue, argument))
  const place = places[keys]
  place.queue = queue
  place.argument = argument
  queue.append(place)
  blocked.keys++
}

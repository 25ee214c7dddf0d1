/**
 * Who waits for which key: a queue of clients for each key, found by the keyed hash that the keyspace has of it.
 *
 * There is no text of a key here, nor a copy: a queue's key is read from the kept arguments of the client that is
 * first in it, and queues are used again. Texts in a Map, coming and going with every client that is served, took a tenth
 * of the CPU that serving one takes (bench/blocking.ts).
 */
import type { Database } from '../keyspace/database.ts'
import type { Arguments } from '../protocol/arguments.ts'
import type { Block } from '../structures/block.ts'
import { HashIndex } from '../structures/hash-index.ts'
import type { Blocked } from './blocking.ts'
import type { KeptArguments } from './kept-arguments.ts'

/** Queues without clients that are kept for other keys. */
const SPARE_QUEUES = 16 * 1024

/** A client's place in the queue of one of its keys. */
export class Place {
  readonly blocked: Blocked
  queue: KeyQueue
  /** Index of the key among the command's arguments. */
  argument: number
  previous: Place | null = null
  next: Place | null = null
  left: boolean = false

  constructor(blocked: Blocked, queue: KeyQueue, argument: number) {
    this.blocked = blocked
    this.queue = queue
    this.argument = argument
  }
}

/** The clients waiting for one key, as a list from the longest waiting on: any of them may leave at any time. */
export class KeyQueue {
  db: Database
  /** The key's hash, as its entry has it. */
  hash: number
  /** Where it is among all queues; 0 when it is in use no more. */
  number: number = 0
  first: Place | null = null
  last: Place | null = null
  length: number = 0
  /** It is among the ready keys. */
  ready: boolean = false

  constructor(db: Database, hash: number) {
    this.db = db
    this.hash = hash
  }

  append(place: Place): void {
    place.left = false
    place.previous = this.last
    place.next = null
    if (this.last === null) this.first = place
    else this.last.next = place
    this.last = place
    this.length++
  }

  /** The place keeps its `next`, for a walk that stands on it. */
  remove(place: Place): void {
    const { previous, next } = place
    if (previous === null) this.first = next
    else previous.next = next
    if (next === null) this.last = previous
    else next.previous = previous
    place.left = true
    this.length--
  }
}

export class KeyQueues {
  private readonly kept: KeptArguments
  /** From hashes to numbers of queues. */
  private readonly index: HashIndex
  /** By number, from 1 on; where `number` is another's, 0 that is, the queue is spare. */
  private queues: (KeyQueue | null)[]
  private free: number[]

  constructor(kept: KeptArguments) {
    this.kept = kept
    this.index = new HashIndex()
    this.queues = [null]
    this.free = []
  }

  /** How many keys have a queue. */
  get count(): number {
    return this.index.count
  }

  /** The queue for the key of these bytes, which have this hash; null when nobody waits for it. */
  find(db: Database, hash: number, key: Block, offset: number, length: number): KeyQueue | null {
    const { index } = this
    for (let slot = index.first(hash); slot !== -1; slot = index.next(slot, hash)) {
      const queue = this.queues[index.addressAt(slot)] as KeyQueue
      const { blocked, argument } = queue.first as Place
      if (queue.db === db && this.kept.is(blocked.args, argument, key, offset, length)) return queue
    }
    return null
  }

  /** The queue for the key that argument `key` names; a new one must have a client next, whose arguments tell its key. */
  of(db: Database, args: Arguments, key: number): KeyQueue {
    const hash = db.hashOf(args, key)
    return this.find(db, hash, args.block, args.offsets[key], args.lengths[key]) ?? this.add(db, hash)
  }

  /** Call when the last client has left `queue`. */
  drop(queue: KeyQueue): void {
    const { index, free, queues } = this
    const { number } = queue
    index.remove(queue.hash, number)
    queue.number = 0
    if (index.count === 0) {
      // Whatever there once was to wait for.
      this.queues = [null]
      this.free = []
      return
    }
    // A ready queue is still going to be looked at, and must not be another key's by then.
    if (queue.ready || free.length >= SPARE_QUEUES) queues[number] = null
    free.push(number)
  }

  /** Calls `each` for every queue of either database. */
  ofDatabases(one: Database, other: Database, each: (queue: KeyQueue) => void): void {
    for (const queue of this.queues) {
      if (queue !== null && queue.number > 0 && (queue.db === one || queue.db === other)) each(queue)
    }
  }

  private add(db: Database, hash: number): KeyQueue {
    const number = this.free.pop() ?? this.queues.length
    let queue = number < this.queues.length ? this.queues[number] : null
    if (queue === null) this.queues[number] = queue = new KeyQueue(db, hash)
    else {
      queue.db = db
      queue.hash = hash
    }
    queue.number = number
    this.index.insert(hash, number)
    return queue
  }
}

/**
 * A snapshot: every key as it was at one moment, written in slices while commands go on. What bytes a key becomes is the
 * encoder's affair, where they go the sink's, and when the next slice runs that of snapshots.ts.
 */
import { Entry, HALF_SEEN, TYPE_LIST, TYPE_STRING } from '../keyspace/entry.ts'
import type { Keyspace, PreImages } from '../keyspace/keyspace.ts'
import { fetchEntries, WALKED_BUCKETS } from '../keyspace/lookahead.ts'
import { AddressList } from '../structures/address-list.ts'
import type { Block } from '../structures/block.ts'
import type { HashIndex } from '../structures/hash-index.ts'
import { ListView } from '../values/list-value.ts'
import { LongListReading, LongString, type LongValue } from './long-values.ts'
import { RdbOutput } from './rdb-output.ts'
import type { SnapshotEncoder, SnapshotPart } from './snapshot-encoder.ts'

/*
 * There is no fork. The keyspace has a number, the epoch, and each entry the number of the last snapshot that has seen
 * it. A snapshot begins by raising the keyspace's number, so that no entry carries it. Then it walks the indexes,
 * bucket after bucket, a slice in each turn of the event loop, writes each entry and gives it the number. Whoever is
 * about to change an entry that does not carry it, has it written first, as it still is (preserve); new entries
 * carry it from the start. So each entry is written exactly once, as it was, whatever becomes of the buckets
 * meanwhile: a split moves entries ahead of the walk or leaves them to it, merges wait. The order of keys in the file
 * means nothing, and keys that are written early may switch databases in between.
 *
 * SWAPDB and FLUSH move and detach whole indexes: the walk goes by the indexes there were, under the numbers that their
 * databases had, and a detached one is freed when it was walked.
 *
 * A value that is too long for one slice (long-values.ts) gets into a queue, as it is at that moment, and is written
 * piece by piece before the walk goes on. No other key can be written inside it, so what has to be written early
 * meanwhile is gathered behind it. That and the copies of what is edited are all the memory it takes: at most
 * as much as is changed while the snapshot lasts, each key once; while much is waiting, slices are longer. What
 * was written waits for the disk in a few buffers, and when they are full, the walk waits too.
 */

/** Longer strings, and lists that take more memory, are written in pieces. Tests have it begin sooner. */
export interface LongFrom {
  /** Not below what has a buffer of its own in the arena. */
  readonly string: number
  readonly list: number
}

/** Compressing takes 4 to 11 ms a MiB (bench/micro/lzf.ts): what is written in pieces is not compressed. */
const LONG_FROM: LongFrom = { string: 256 * 1024, list: 256 * 1024 }
/** Short strings written between two looks at the clock; each longer one, and each list, is followed by one. */
const KEYS_STEP = 16
const SHORT_STRING = 1024

/** Where the bytes go. */
export interface SnapshotSink {
  /** The first `length` bytes of `block`, which is the sink's from now on. */
  put(block: Block, length: number): void
  /** A block to fill. */
  fresh(): Block
  /** So much is waiting that the walk should wait too; the sink tells when it is over. */
  readonly isFull: boolean
}

interface WalkedPart extends SnapshotPart {
  readonly index: HashIndex
}

interface Piece {
  readonly block: Block
  readonly length: number
}

export class Snapshot implements PreImages {
  readonly keysTotal: number
  keysProcessed: number
  /** Bytes written early because a command was about to change them, or copied for that reason. */
  preImageBytes: number
  /** Whether the walk is over, and so what was written is all there was. */
  isComplete: boolean
  private readonly keyspace: Keyspace
  private readonly encoder: SnapshotEncoder
  private readonly sink: SnapshotSink
  private readonly longFrom: LongFrom
  private readonly parts: WalkedPart[]
  private readonly output: RdbOutput
  /** What is written early while a long value is being written. */
  private readonly side: RdbOutput
  /** What was in `side` before, and how many bytes that are. */
  private behind: Piece[]
  private behindBytes: number
  /** Long values in the order in which they are written; the first one's head may have been. */
  private long: LongValue[]
  private opened: boolean
  /** The database selected where the next key is written. */
  private selected: SnapshotPart | null
  // Where the walk is.
  private part: number
  private bucket: number
  private readonly entry: Entry
  private readonly found: AddressList
  private readonly list: ListView

  /** The moment it shows is now. The keyspace must have no other snapshot and an epoch that no entry carries. */
  constructor(
    keyspace: Keyspace,
    encoder: SnapshotEncoder,
    sink: SnapshotSink,
    longFrom: LongFrom = LONG_FROM,
  ) {
    this.keyspace = keyspace
    this.encoder = encoder
    this.sink = sink
    this.longFrom = longFrom
    this.parts = keyspace.databases
      .filter((db) => db.size > 0)
      .map(({ id, index, size, deadlines }) => ({ id, index, keys: size, deadlines: deadlines.count }))
    this.keysTotal = this.parts.reduce((sum, { keys }) => sum + keys, 0)
    this.keysProcessed = 0
    this.preImageBytes = 0
    this.isComplete = false
    this.output = new RdbOutput()
    this.output.block = sink.fresh()
    this.output.spill = () => this.spill()
    this.side = new RdbOutput()
    this.side.spill = () => this.setAside()
    this.behind = []
    this.behindBytes = 0
    this.long = []
    this.opened = false
    this.selected = null
    this.part = 0
    this.bucket = 0
    this.entry = new Entry()
    this.found = new AddressList()
    this.list = new ListView(keyspace.arena, keyspace.freezes)
    for (const { index } of this.parts) index.holdShrink()
    keyspace.snapshot = this
    encoder.begin(this.output, this.parts)
  }

  /** Bytes of keys that were written early and wait behind a long value. */
  get waitingBytes(): number {
    return this.behindBytes + this.side.length
  }

  /** Goes on until `end` (monotonic microseconds), or `keys` were walked, or the sink is full. */
  run(end: number, keys: number = Number.POSITIVE_INFINITY): void {
    const { clock } = this.keyspace
    const last = this.keysProcessed + keys
    while (!this.isComplete && !this.sink.isFull && this.keysProcessed < last) {
      if (this.opened || (this.long.length > 0 && this.waitingBytes === 0)) this.readOn()
      else if (this.waitingBytes > 0) this.takeAlong()
      else if (this.part < this.parts.length) this.walk(end, last)
      else this.finish()
      if (clock.monotonicMicros() >= end) return
    }
  }

  preserve(index: HashIndex, entry: Entry): boolean {
    if (entry.epoch === (this.keyspace.epoch | HALF_SEEN)) return this.readingOf(entry) !== null
    const part = this.parts.find((one) => one.index === index)
    if (part === undefined) return false
    const output = this.isBehind ? this.side : this.output
    const before = output.length
    const stays = this.write(part, entry, output)
    this.preImageBytes += output.length - before
    output.spillIfMuch()
    return stays
  }

  edit(entry: Entry, from: number, length: number): void {
    const reading = this.readingOf(entry)
    if (reading !== null) this.preImageBytes += reading.copy(from, length)
  }

  /** Ends it unfinished: nothing of it is left in the keyspace. */
  abort(): void {
    if (this.isComplete) return
    for (const value of this.long) this.leave(value)
    for (const { index } of this.parts.slice(this.part)) index.releaseShrink()
    this.part = this.parts.length
    this.keyspace.snapshot = null
    this.isComplete = true
  }

  private get isBehind(): boolean {
    return this.opened || this.waitingBytes > 0
  }

  /** Writes some entries of some buckets, those that carry the epoch already left out. */
  private walk(end: number, last: number): void {
    const { keyspace, entry, found, output } = this
    const { arena, clock, epoch } = keyspace
    const part = this.parts[this.part]
    const { index } = part
    const border = Math.min(this.bucket + WALKED_BUCKETS, index.bucketCount)
    this.collect(index, border)
    for (let i = 0; i < found.length; i++) {
      entry.point(arena, found.items[i], 0)
      const seen = entry.epoch
      if (seen === epoch || seen === (epoch | HALF_SEEN)) continue
      entry.epoch = this.write(part, entry, output) ? epoch | HALF_SEEN : epoch
      output.spillIfMuch()
      // The addresses are good for this slice only: in the next one, the same buckets are looked at again.
      if (this.long.length > 0 || this.keysProcessed >= last) return
      const short = entry.type === TYPE_STRING && entry.valueLength <= SHORT_STRING
      if (short && this.keysProcessed % KEYS_STEP !== 0) continue
      if (clock.monotonicMicros() >= end || this.sink.isFull) return
    }
    this.bucket = border
    // Splits add buckets behind the last one while the walk is on its way there.
    if (border < index.bucketCount) return
    index.releaseShrink()
    this.part++
    this.bucket = 0
  }

  /** Gathers the entries of the buckets up to `border`, and sends for each, so that they are in the caches. */
  private collect(index: HashIndex, border: number): void {
    const { found } = this
    found.clear()
    for (let bucket = this.bucket; bucket < border; bucket++) index.collect(bucket, found)
    fetchEntries(this.keyspace.arena, found.items, found.length)
  }

  /** Writes a key to `output`, or queues it. Returns whether the bytes of its value are still to be read. */
  private write(part: SnapshotPart, entry: Entry, output: RdbOutput): boolean {
    const { encoder, keyspace, list, longFrom } = this
    this.keysProcessed++
    if (entry.type === TYPE_STRING && entry.valueLength > longFrom.string) {
      const head = new RdbOutput()
      const tail = new RdbOutput()
      encoder.longString(head, tail, entry)
      this.long.push(new LongString(part, head, tail, entry))
      return true
    }
    if (entry.type === TYPE_LIST) {
      list.point(entry.block, entry.valueOffset)
      if (list.memoryBytes() > longFrom.list) {
        const head = new RdbOutput()
        const tail = new RdbOutput()
        const form = encoder.longList(head, tail, entry)
        this.long.push(new LongListReading(part, head, tail, keyspace.arena, form, list.startFreeze()))
        return false
      }
    }
    this.select(output, part)
    encoder.key(output, entry)
    return false
  }

  private select(output: RdbOutput, part: SnapshotPart): void {
    if (this.selected === part) return
    this.selected = part
    this.encoder.select(output, part)
  }

  /** Writes a piece of the first long value. */
  private readOn(): void {
    const { output } = this
    const value = this.long[0]
    if (!this.opened) {
      this.select(output, value.part)
      output.bytes(value.head.block, 0, value.head.length)
      this.opened = true
    }
    const more = value.piece(output)
    if (!more) {
      output.bytes(value.tail.block, 0, value.tail.length)
      this.long.shift()
      this.leave(value)
      this.opened = false
    }
    output.spillIfMuch()
  }

  private leave(value: LongValue): void {
    if (!(value instanceof LongListReading)) return
    for (const chain of value.freeze.end()) this.keyspace.lazyFree.addChain(chain)
  }

  /** What reads the long string of this entry; null when nothing does any more. */
  private readingOf(entry: Entry): LongString | null {
    for (const value of this.long) if (value instanceof LongString && value.isOf(entry)) return value
    return null
  }

  /** Puts what was written early, behind the long value that is complete now, a piece of it at a time. */
  private takeAlong(): void {
    if (this.output.length > 0) {
      this.spill()
      this.output.clear()
    }
    if (this.behind.length === 0) {
      this.setAside()
      this.side.clear()
    }
    const piece = this.behind.shift() as Piece
    this.behindBytes -= piece.length
    this.pass(piece.block, piece.length)
  }

  private setAside(): void {
    const { side } = this
    this.behind.push({ block: side.block, length: side.length })
    this.behindBytes += side.length
    side.block = this.sink.fresh()
  }

  private spill(): void {
    const { output } = this
    const { block, length } = output
    output.block = this.sink.fresh()
    this.pass(block, length)
  }

  private pass(block: Block, length: number): void {
    this.encoder.passes(block, length)
    this.sink.put(block, length)
  }

  private finish(): void {
    const { output } = this
    this.keyspace.snapshot = null
    this.isComplete = true
    if (output.length > 0) {
      this.spill()
      output.clear()
    }
    this.encoder.end(output)
    this.sink.put(output.block, output.length)
  }
}

/** The keyspace as the commands that make it again: the base of an append-only file where aof-use-rdb-preamble is no. */
import { type Entry, TYPE_LIST } from '../keyspace/entry.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import { type Block, blockOf } from '../structures/block.ts'
import {
  CHUNK_COUNT,
  CHUNK_END,
  CHUNK_START,
  lengthAfter,
  packedSize,
  prefixSize,
} from '../structures/packed-chunk.ts'
import { ListView } from '../values/list-value.ts'
import { CommandStream } from './command-stream.ts'
import type { RdbOutput } from './rdb-output.ts'
import type { LongList, SnapshotEncoder, SnapshotPart } from './snapshot-encoder.ts'

/** Elements that one command pushes at most (Redis's AOF_REWRITE_ITEMS_PER_CMD). */
const ELEMENTS_PER_COMMAND = 64

export class CommandEncoder implements SnapshotEncoder {
  private readonly keyspace: Keyspace
  /** What is being written, before it is handed to an output. */
  private readonly stream: CommandStream
  private readonly list: ListView

  constructor(keyspace: Keyspace) {
    this.keyspace = keyspace
    this.stream = new CommandStream()
    // A view of its own: it writes in the middle of commands that are using theirs.
    this.list = new ListView(keyspace.arena, keyspace.freezes)
  }

  begin(output: RdbOutput): void {
    const { clock, settings } = this.keyspace
    if (settings.aofTimestampEnabled) this.stream.timestamp(Math.floor(clock.now / 1000))
    this.hand(output)
  }

  select(output: RdbOutput, part: SnapshotPart): void {
    this.stream.select(part.id)
    this.hand(output)
  }

  key(output: RdbOutput, entry: Entry): void {
    const { stream, list } = this
    if (entry.type !== TYPE_LIST) {
      this.command('SET', 3, entry.block, entry.keyOffset, entry.keyLength)
      stream.bulk(entry.block, entry.valueOffset, entry.valueLength)
    } else {
      list.point(entry.block, entry.valueOffset)
      let left = list.length
      let room = 0
      for (let standing = list.seek(0); standing; standing = list.advance()) {
        if (room === 0) {
          room = Math.min(left, ELEMENTS_PER_COMMAND)
          left -= room
          this.command('RPUSH', 2 + room, entry.block, entry.keyOffset, entry.keyLength)
        }
        stream.bulk(list.elementBlock, list.elementOffset, list.elementLength)
        room--
      }
    }
    this.deadline(entry)
    this.hand(output)
  }

  longString(head: RdbOutput, tail: RdbOutput, entry: Entry): void {
    const { stream } = this
    this.command('SET', 3, entry.block, entry.keyOffset, entry.keyLength)
    stream.beginBulk(entry.valueLength)
    this.hand(head)
    stream.endBulk()
    this.deadline(entry)
    this.hand(tail)
  }

  longList(_head: RdbOutput, tail: RdbOutput, entry: Entry): LongList {
    const key = blockOf(entry.keyBytes())
    this.deadline(entry)
    this.hand(tail)
    return {
      chunk: (output, block, base) => this.chunk(output, key, block, base),
      beforeElement: (output, length) => {
        this.command('RPUSH', 3, key, 0, key.bytes.length)
        this.stream.beginBulk(length)
        this.hand(output)
      },
      afterElement: (output) => {
        this.stream.endBulk()
        this.hand(output)
      },
    }
  }

  passes(): void {}

  end(): void {}

  private chunk(output: RdbOutput, key: Block, block: Block, base: number): void {
    const { view } = block
    const end = base + view.getInt32(base + CHUNK_END, true)
    let left = view.getUint16(base + CHUNK_COUNT, true)
    let room = 0
    for (let at = base + view.getUint16(base + CHUNK_START, true); at < end; room--) {
      if (room === 0) {
        room = Math.min(left, ELEMENTS_PER_COMMAND)
        left -= room
        this.command('RPUSH', 2 + room, key, 0, key.bytes.length)
      }
      const length = lengthAfter(view, at)
      this.stream.bulk(block, at + prefixSize(length), length)
      at += packedSize(length)
    }
    this.hand(output)
  }

  /** Begins a command of `words` words about the key at `offset`. */
  private command(name: string, words: number, block: Block, offset: number, length: number): void {
    const { stream } = this
    // Whose keys they are is said by select(): what is encoded first need not be what is first in the file.
    stream.begin(stream.database, words)
    stream.word(name)
    stream.bulk(block, offset, length)
  }

  private deadline(entry: Entry): void {
    if (!entry.hasDeadline) return
    this.command('PEXPIREAT', 3, entry.block, entry.keyOffset, entry.keyLength)
    this.stream.word(String(entry.deadlineInt64))
  }

  private hand(output: RdbOutput): void {
    const { stream } = this
    output.bytes(stream.block, 0, stream.length)
    stream.clear()
  }
}

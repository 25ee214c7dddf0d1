/**
 * RDB bytes to a value that can be put into the keyspace: every form in which Redis ever wrote strings and lists. A
 * value is made completely before anything sees it, so that a broken one changes nothing.
 */
import { lfuAccess, lruAccessBefore } from '../keyspace/access-clock.ts'
import type { Database } from '../keyspace/database.ts'
import { type Entry, TYPE_LIST, TYPE_STRING } from '../keyspace/entry.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import type { Arguments } from '../protocol/arguments.ts'
import { type Block, copyBytes, EMPTY_BLOCK, newBlock } from '../structures/block.ts'
import { beforeGrowth } from '../values/list-encoding.ts'
import { LIST_ROOT_SIZE } from '../values/list-root.ts'
import { ListView } from '../values/list-value.ts'
import { ListpackReader } from './listpack.ts'
import {
  EmptyValueError,
  NODE_PACKED,
  NODE_PLAIN,
  RDB_LIST,
  RDB_LIST_QUICKLIST,
  RDB_LIST_QUICKLIST_2,
  RDB_LIST_ZIPLIST,
  RDB_STRING,
  RdbError,
  UnsupportedTypeError,
} from './rdb-format.ts'
import type { RdbInput } from './rdb-input.ts'
import { ZiplistReader } from './ziplist.ts'

export class RdbValueReader {
  private readonly keyspace: Keyspace
  private readonly input: RdbInput
  private readonly list: ListView
  /** The list being read hangs from here; its chunks are in the arena already. */
  private readonly root: Block
  private readonly listpack: ListpackReader
  private readonly ziplist: ZiplistReader
  /**
   * The value read: its type in the keyspace and the bytes that its entry is to hold, valid until the next read().
   * Of a list these are the root, which owns chunks: store() or discard() it.
   */
  type: number
  valueBlock: Block
  valueOffset: number
  valueLength: number
  // Its type in the file; strings, nodes or elements of it still to come; nodes with elements that came.
  private rdbType: number
  private nodesLeft: number
  private nodes: number

  constructor(keyspace: Keyspace, input: RdbInput) {
    this.keyspace = keyspace
    this.input = input
    this.list = new ListView(keyspace.arena, keyspace.freezes)
    this.root = newBlock(LIST_ROOT_SIZE)
    this.listpack = new ListpackReader()
    this.ziplist = new ZiplistReader()
    this.type = TYPE_STRING
    this.valueBlock = EMPTY_BLOCK
    this.valueOffset = 0
    this.valueLength = 0
    this.rdbType = RDB_STRING
    this.nodesLeft = 0
    this.nodes = 0
  }

  /** Reads the body of a value of RDB type `rdbType`: begin() and readOn() in one. Throws as they do. */
  read(rdbType: number): void {
    this.begin(rdbType)
    this.readOn(Number.POSITIVE_INFINITY)
  }

  /**
   * Begins with the body of a value of RDB type `rdbType`. Throws RdbError for what is broken, UnsupportedTypeError for
   * a type that is not known; nothing is left behind then.
   */
  begin(rdbType: number): void {
    this.rdbType = rdbType
    this.nodesLeft = 0
    switch (rdbType) {
      case RDB_STRING:
        this.type = TYPE_STRING
        this.nodesLeft = 1
        break
      case RDB_LIST:
      case RDB_LIST_ZIPLIST:
      case RDB_LIST_QUICKLIST:
      case RDB_LIST_QUICKLIST_2:
        this.beginList()
        break
      default:
        throw new UnsupportedTypeError(rdbType)
    }
  }

  /**
   * Reads on until the value is complete, or input position `border` is reached. Returns whether it is complete.
   * Throws RdbError for what is broken, EmptyValueError for a list without elements; nothing is left behind then.
   */
  readOn(border: number): boolean {
    if (this.rdbType === RDB_STRING) return this.readString(border)
    const { input, list, rdbType } = this
    const ahead = rdbType === RDB_LIST_QUICKLIST_2 ? 1 : 0
    try {
      while (this.nodesLeft > 0) {
        if (input.position >= border || !input.bring(ahead, border)) return false
        this.nodesLeft--
        if (rdbType === RDB_LIST) this.readElement()
        else this.nodes += rdbType === RDB_LIST_QUICKLIST_2 ? this.readNode() : this.readZiplist()
      }
      list.expect(0)
      if (list.length === 0) throw new EmptyValueError('list without elements')
      // Redis makes a listpack of what fits one, but not of several nodes.
      if (this.nodes > 1) list.isQuicklist = true
      beforeGrowth(list, this.keyspace.settings.listMaxListpackSize, 0, 0)
    } catch (error) {
      list.expect(0)
      list.free()
      throw error
    }
    return true
  }

  /**
   * Puts the value read under argument `key`, which the last lookup with `into` did not find. `deadline` in
   * milliseconds since the epoch, 0 for none. Of `idleTime` (seconds) and `frequency` (0 … 255), -1 when not known,
   * the one that the eviction policy goes by becomes the access clock. Tells nobody: changed() is the caller's.
   */
  store(
    db: Database,
    args: Arguments,
    key: number,
    into: Entry,
    deadline: bigint,
    idleTime: number,
    frequency: number,
  ): void {
    const entry = db.create(args, key, this.type, this.valueLength, into)
    copyBytes(this.valueBlock, this.valueOffset, entry.block, entry.valueOffset, this.valueLength)
    if (deadline !== 0n) db.setDeadline(entry, deadline)
    const { lfu, clock } = this.keyspace
    if (lfu && frequency !== -1) entry.access = lfuAccess(clock.now, frequency)
    if (!lfu && idleTime !== -1) entry.access = lruAccessBefore(clock.now, idleTime)
  }

  /** Frees what the value read owns, when nobody wants it. */
  discard(): void {
    if (this.type !== TYPE_LIST) return
    this.list.point(this.root, 0)
    this.list.free()
  }

  private readString(border: number): boolean {
    const { input } = this
    if (this.nodesLeft === 0) return true
    if (!input.bring(0, border)) return false
    this.nodesLeft = 0
    input.string()
    this.valueBlock = input.stringBlock
    this.valueOffset = input.stringOffset
    this.valueLength = input.stringLength
    return true
  }

  private beginList(): void {
    const { list, input } = this
    // No check of the count: each node or element takes at least a byte of what is there.
    this.nodesLeft = this.rdbType === RDB_LIST_ZIPLIST ? 1 : input.size()
    this.nodes = 0
    list.point(this.root, 0)
    list.initialize()
    this.type = TYPE_LIST
    this.valueBlock = this.root
    this.valueOffset = 0
    this.valueLength = LIST_ROOT_SIZE
  }

  private readElement(): void {
    const { input } = this
    input.string()
    this.list.pushTail(input.stringBlock, input.stringOffset, input.stringLength)
  }

  /** Returns how many nodes with elements it was, 0 or 1. */
  private readNode(): number {
    const { input, list, listpack } = this
    const at = input.position
    const container = input.size()
    if (container === NODE_PLAIN) {
      this.readElement()
      return 1
    }
    if (container !== NODE_PACKED) {
      throw new RdbError(`quicklist node at byte ${at} is of kind ${container}: expected 1 or 2`)
    }
    input.string()
    const before = list.length
    list.expect(input.stringLength)
    listpack.open(input.stringBlock, input.stringOffset, input.stringLength)
    while (listpack.next()) {
      list.pushTail(listpack.elementBlock, listpack.elementOffset, listpack.elementLength)
    }
    return list.length > before ? 1 : 0
  }

  private readZiplist(): number {
    const { input, list, ziplist } = this
    input.string()
    const before = list.length
    list.expect(input.stringLength)
    ziplist.open(input.stringBlock, input.stringOffset, input.stringLength)
    while (ziplist.next()) {
      list.pushTail(ziplist.elementBlock, ziplist.elementOffset, ziplist.elementLength)
    }
    return list.length > before ? 1 : 0
  }
}

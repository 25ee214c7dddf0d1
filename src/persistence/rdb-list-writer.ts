/**
 * Lists as RDB bytes, in the form that each version of the format has for them: whole, or, for lists too long to be
 * written in one go, chunk by chunk.
 *
 * From version 10 on a list is a quicklist, whose nodes are counted before they come. What Redis would keep in one
 * listpack is one node, so that it is a listpack again wherever it is loaded; of any other list each chunk is a
 * node, for which nothing has to be counted or kept together beyond a chunk. An element with a chunk of its own
 * is a plain node, its bytes as they are. Versions 7 to 9 have ziplists as nodes, also for such an element. Before,
 * a list was its elements.
 */
import type { Block } from '../structures/block.ts'
import {
  CHUNK_COUNT,
  CHUNK_END,
  CHUNK_START,
  lengthAfter,
  packedSize,
  prefixSize,
} from '../structures/packed-chunk.ts'
import type { ListView } from '../values/list-value.ts'
import { listpackAppend, listpackBegin, listpackEnd } from './listpack.ts'
import {
  NODE_PACKED,
  NODE_PLAIN,
  RDB_LIST,
  RDB_LIST_QUICKLIST,
  RDB_LIST_QUICKLIST_2,
  RDB_VERSION,
} from './rdb-format.ts'
import { RdbOutput } from './rdb-output.ts'
import { loneBegin, loneEnd, loneSize, ZiplistWriter } from './ziplist-writer.ts'

/** The first versions with quicklists, of ziplists and of listpacks. */
const QUICKLIST_SINCE = 7
const LISTPACK_SINCE = 10

export class RdbListWriter {
  /** The version of the format to write. */
  version: number
  /** The node being made. */
  private readonly node: RdbOutput
  private readonly ziplist: ZiplistWriter

  constructor() {
    this.version = RDB_VERSION
    this.node = new RdbOutput()
    this.ziplist = new ZiplistWriter(this.node)
  }

  /** The RDB type of a list. */
  get type(): number {
    if (this.version >= LISTPACK_SINCE) return RDB_LIST_QUICKLIST_2
    return this.version >= QUICKLIST_SINCE ? RDB_LIST_QUICKLIST : RDB_LIST
  }

  /** Writes a whole list. */
  list(output: RdbOutput, list: ListView): void {
    if (this.version < QUICKLIST_SINCE) {
      output.size(list.length)
      for (let standing = list.seek(0); standing; standing = list.advance()) {
        output.string(list.elementBlock, list.elementOffset, list.elementLength)
      }
    } else if (list.isQuicklist) this.quicklist(output, list)
    else {
      output.size(1)
      this.nodeOf(output, list, list.length)
    }
  }

  /** Begins a list of so many chunks and elements: chunk() or element() of each chunk is to follow. */
  begin(output: RdbOutput, chunks: number, elements: number): void {
    output.size(this.version < QUICKLIST_SINCE ? elements : chunks)
  }

  /** Writes the elements of the chunk at `base`. */
  chunk(output: RdbOutput, block: Block, base: number): void {
    const { view } = block
    const end = base + view.getInt32(base + CHUNK_END, true)
    const packed = this.version >= QUICKLIST_SINCE
    if (packed) this.beginNode()
    for (let at = base + view.getUint16(base + CHUNK_START, true); at < end; ) {
      const length = lengthAfter(view, at)
      const offset = at + prefixSize(length)
      if (packed) this.append(block, offset, length)
      else output.string(block, offset, length)
      at += packedSize(length)
    }
    if (packed) this.endNode(output, view.getUint16(base + CHUNK_COUNT, true))
  }

  /** Writes what comes before the `length` bytes of a long element with a chunk of its own. */
  beforeElement(output: RdbOutput, length: number): void {
    if (this.version >= LISTPACK_SINCE) output.size(NODE_PLAIN)
    if (this.version >= LISTPACK_SINCE || this.version < QUICKLIST_SINCE) {
      output.size(length)
      return
    }
    output.size(loneSize(length))
    loneBegin(output, length)
  }

  /** Writes what comes after them. */
  afterElement(output: RdbOutput): void {
    if (this.version < LISTPACK_SINCE && this.version >= QUICKLIST_SINCE) loneEnd(output)
  }

  private quicklist(output: RdbOutput, list: ListView): void {
    output.size(list.chunkCount)
    let standing = list.seek(0)
    while (standing) {
      output.spillIfMuch()
      if (list.isLoneChunk && this.version >= LISTPACK_SINCE) {
        output.size(NODE_PLAIN)
        output.string(list.elementBlock, list.elementOffset, list.elementLength)
        standing = list.advance()
      } else standing = this.nodeOf(output, list, list.chunkElements)
    }
  }

  /** Writes a node of the next `count` elements; returns whether more follow. */
  private nodeOf(output: RdbOutput, list: ListView, count: number): boolean {
    this.beginNode()
    let standing = list.length === count ? list.seek(0) : true
    for (let i = 0; i < count; i++) {
      this.append(list.elementBlock, list.elementOffset, list.elementLength)
      standing = list.advance()
    }
    this.endNode(output, count)
    return standing
  }

  private beginNode(): void {
    if (this.version >= LISTPACK_SINCE) listpackBegin(this.node)
    else this.ziplist.begin()
  }

  private append(block: Block, offset: number, length: number): void {
    if (this.version >= LISTPACK_SINCE) listpackAppend(this.node, block, offset, length)
    else this.ziplist.append(block, offset, length)
  }

  private endNode(output: RdbOutput, count: number): void {
    const { node } = this
    if (this.version >= LISTPACK_SINCE) {
      listpackEnd(node, count)
      output.size(NODE_PACKED)
    } else this.ziplist.end(count)
    output.string(node.block, 0, node.length)
    node.clear()
  }
}

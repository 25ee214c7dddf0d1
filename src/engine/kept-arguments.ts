/**
 * The arguments of commands that wait, outside the heap: a short command lies in one slot, which is one or two lines
 * of memory to read when it is served, however many others came between. As arrays and buffers of their own they were
 * ten, and what lives as long as clients wait is dear to a collector that expects the young to die (bench/blocking.ts).
 */
import { Arguments } from '../protocol/arguments.ts'
import { type Block, equalBytes, newBlock } from '../structures/block.ts'

/** Bytes of a slot: the number of arguments, the length of each, then their bytes one after the other. */
const SLOT = 128
/** Slots of one block. */
const SLOTS = 256

/** Where arguments are kept: the number of a slot, or what is too long for one. */
export type Kept = number | Arguments

export class KeptArguments {
  private readonly blocks: Block[]
  private readonly free: number[]
  /** What read() returns, and what keep() writes through. */
  private readonly view: Arguments

  constructor() {
    this.blocks = []
    this.free = []
    this.view = new Arguments(SLOT)
  }

  /** Keeps a copy until it is given back. */
  keep(args: Arguments): Kept {
    const { count } = args
    if (1 + count + args.byteLength > SLOT) return Arguments.copyOf(args)
    if (this.free.length === 0) this.grow()
    const slot = this.free.pop() as number
    const { view } = this
    const block = this.blocks[Math.floor(slot / SLOTS)]
    const start = (slot % SLOTS) * SLOT
    block.bytes[start] = count
    for (let i = 0; i < count; i++) block.bytes[start + 1 + i] = args.lengths[i]
    view.block = block
    view.fill(args, start + 1 + count)
    return slot
  }

  /** What is kept: valid until the next is read or kept, and its slot until it is given back. */
  read(kept: Kept): Arguments {
    if (typeof kept !== 'number') return kept
    const { view } = this
    const block = this.blocks[Math.floor(kept / SLOTS)]
    const start = (kept % SLOTS) * SLOT
    const count = block.bytes[start]
    view.block = block
    view.count = count
    view.keyHash = 0
    let at = start + 1 + count
    for (let i = 0; i < count; i++) {
      const length = block.bytes[start + 1 + i]
      view.offsets[i] = at
      view.lengths[i] = length
      at += length
    }
    return view
  }

  /** Whether argument `index` of what is kept has these bytes. What read() returned last stays as it is. */
  is(kept: Kept, index: number, block: Block, offset: number, length: number): boolean {
    if (typeof kept !== 'number') {
      return (
        kept.lengths[index] === length && equalBytes(kept.block, kept.offsets[index], block, offset, length)
      )
    }
    const own = this.blocks[Math.floor(kept / SLOTS)]
    const lengths = (kept % SLOTS) * SLOT + 1
    if (own.bytes[lengths + index] !== length) return false
    let at = lengths + own.bytes[lengths - 1]
    for (let i = 0; i < index; i++) at += own.bytes[lengths + i]
    return equalBytes(own, at, block, offset, length)
  }

  giveBack(kept: Kept): void {
    if (typeof kept === 'number') this.free.push(kept)
  }

  private grow(): void {
    const first = this.blocks.length * SLOTS
    this.blocks.push(newBlock(SLOTS * SLOT))
    for (let slot = first + SLOTS - 1; slot >= first; slot--) this.free.push(slot)
  }
}

/**
 * A reusable list of addresses and their hashes that walks and scans fill for their caller, so that visiting costs
 * neither a callback nor an allocation per element. It owns nothing the addresses point at.
 */
export class AddressList {
  /** The addresses are `items[0]` to `items[length - 1]`; the arrays are replaced when they grow. */
  items: Int32Array
  /** The hash under which the index has each address; 0 where whoever filled the list did not know it. */
  hashes: Int32Array
  length: number

  constructor() {
    this.items = new Int32Array(32)
    this.hashes = new Int32Array(32)
    this.length = 0
  }

  push(address: number, hash: number = 0): void {
    if (this.length === this.items.length) this.grow()
    this.items[this.length] = address
    this.hashes[this.length++] = hash
  }

  /** Forgets the addresses and keeps the room. */
  clear(): void {
    this.length = 0
  }

  private grow(): void {
    const { items, hashes } = this
    this.items = new Int32Array(items.length * 2)
    this.items.set(items)
    this.hashes = new Int32Array(items.length * 2)
    this.hashes.set(hashes)
  }
}

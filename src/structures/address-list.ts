/**
 * A reusable list of addresses that walks and scans fill for their caller, so that visiting costs neither
 * a callback nor an allocation per element. It owns nothing the addresses point at.
 */
export class AddressList {
  /** The addresses are `items[0]` to `items[length - 1]`; the array is replaced when it grows. */
  items: Int32Array
  length: number

  constructor() {
    this.items = new Int32Array(32)
    this.length = 0
  }

  push(address: number): void {
    if (this.length === this.items.length) this.grow()
    this.items[this.length++] = address
  }

  /** Forgets the addresses and keeps the room. */
  clear(): void {
    this.length = 0
  }

  private grow(): void {
    const larger = new Int32Array(this.items.length * 2)
    larger.set(this.items)
    this.items = larger
  }
}

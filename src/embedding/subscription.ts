/** The messages of some channels or patterns, in the order they came, to be iterated over. */
import type { Reply } from '../protocol/reply-reader.ts'
import type { EmbeddedConnection } from './embedded-connection.ts'

export interface Message {
  readonly channel: string
  /** A Buffer on a connection with `buffers`. */
  readonly message: string | Buffer
  /** What the channel matched; null for one subscribed to by name. */
  readonly pattern: string | null
}

export class Subscription implements AsyncIterableIterator<Message> {
  private readonly connection: EmbeddedConnection
  private readonly command: 'SUBSCRIBE' | 'PSUBSCRIBE'
  private readonly names: readonly string[]
  private readonly stop: () => void
  /** Come and not taken. */
  private readonly waiting: Message[]
  /** Asked for and not come. */
  private readonly asking: ((result: IteratorResult<Message>) => void)[]
  private ended: boolean

  private constructor(
    connection: EmbeddedConnection,
    command: 'SUBSCRIBE' | 'PSUBSCRIBE',
    names: readonly string[],
  ) {
    this.connection = connection
    this.command = command
    this.names = names
    this.waiting = []
    this.asking = []
    this.ended = false
    this.stop = connection.onPush((push) => this.take(push))
    connection.subscriptions.add(this)
    connection.onClosed(() => this.end())
  }

  /** Subscribes. Rejects as a call() of the command does. */
  static async open(
    connection: EmbeddedConnection,
    command: 'SUBSCRIBE' | 'PSUBSCRIBE',
    names: readonly string[],
  ): Promise<Subscription> {
    const subscription = new Subscription(connection, command, names)
    try {
      await connection.call(command, ...names)
    } catch (error) {
      subscription.end()
      throw error
    }
    return subscription
  }

  /** The next message, when it comes; `done` once the subscription or its connection is closed. */
  next(): Promise<IteratorResult<Message>> {
    const message = this.waiting.shift()
    if (message !== undefined) return Promise.resolve({ done: false, value: message })
    if (this.ended) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve) => this.asking.push(resolve))
  }

  /** Unsubscribes: also what leaving a `for await` does. */
  async return(): Promise<IteratorResult<Message>> {
    await this.close()
    return { done: true, value: undefined }
  }

  async close(): Promise<void> {
    if (this.ended) return
    this.end()
    const { closed, subscriptions } = this.connection
    // Others on the connection may want the same.
    const wanted = [...subscriptions].filter(({ command }) => command === this.command)
    const unwanted = this.names.filter((name) => wanted.every(({ names }) => !names.includes(name)))
    if (!closed && unwanted.length > 0) {
      await this.connection.call(this.command === 'SUBSCRIBE' ? 'UNSUBSCRIBE' : 'PUNSUBSCRIBE', ...unwanted)
    }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  private end(): void {
    this.ended = true
    this.stop()
    this.connection.subscriptions.delete(this)
    for (const resolve of this.asking.splice(0)) resolve({ done: true, value: undefined })
  }

  private take(push: readonly Reply[]): void {
    const texts = (push as readonly (string | Buffer | number)[]).map(String)
    const byPattern = this.command === 'PSUBSCRIBE'
    if (texts[0] !== (byPattern ? 'pmessage' : 'message') || !this.names.includes(texts[1])) return
    const value = {
      channel: texts[byPattern ? 2 : 1],
      message: push[byPattern ? 3 : 2] as string | Buffer,
      pattern: byPattern ? texts[1] : null,
    }
    const resolve = this.asking.shift()
    if (resolve === undefined) this.waiting.push(value)
    else resolve({ done: false, value })
  }
}

/** The one error the configuration throws: what was refused, where it stood and why. */

/** Where a directive came from: `line` counts from 1 and is 0 for the command line. */
export interface ConfigPlace {
  /** The file's path, 'standard input' or 'the command line'. */
  readonly origin: string
  readonly line: number
  /** The directive as it was written. */
  readonly text: string
}

export class ConfigError extends Error {
  /** Null for CONFIG SET, where the message is the whole error reply. */
  readonly place: ConfigPlace | null

  constructor(message: string, place: ConfigPlace | null = null) {
    super(message)
    this.name = 'ConfigError'
    this.place = place
  }
}

/** The one error the configuration throws: what was refused, where it stood and why. */

/** The origin of directives that no file has. */
export const STANDARD_INPUT = 'standard input'

/** The refusal of a directive that nobody knows: Redis's text. */
export const UNKNOWN_DIRECTIVE = 'Bad directive or wrong number of arguments'

/** Where a directive came from: `line` counts from 1 and is 0 for the command line. */
export interface ConfigPlace {
  /** The file's path, 'standard input' or 'the command line'. */
  readonly origin: string
  readonly line: number
  /** The directive as it was written; in an error without what is secret in it. */
  readonly text: string
}

/** Directives whose values errors must not repeat: they end up in logs. */
const SECRET =
  /^(["']?-*(?:requirepass|masterauth|masteruser|tls-key-file-pass|tls-client-key-file-pass|sentinel|(?:user|loadmodule)\s+\S+)["']?)[\s=].*/is

export class ConfigError extends Error {
  /** Null for CONFIG SET, where the message is the whole error reply. */
  readonly place: ConfigPlace | null

  constructor(message: string, place: ConfigPlace | null = null) {
    super(message)
    this.name = 'ConfigError'
    this.place = place === null ? null : { ...place, text: place.text.replace(SECRET, '$1 …') }
  }
}

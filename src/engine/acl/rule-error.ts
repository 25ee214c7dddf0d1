/** Why a rule of ACL SETUSER, of an ACL file or of a `user` line is refused: Redis's texts, each once. */

export const UNKNOWN_COMMAND = 'Unknown command or category name in ACL'
export const WRONG_SYNTAX = 'Syntax error'
export const AFTER_ALL_KEYS: string =
  'Adding a pattern after the * pattern (or the ' +
  "'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty " +
  'list of patterns'
export const AFTER_ALL_CHANNELS: string =
  'Adding a pattern after the * pattern (or the ' +
  "'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty " +
  'list of channels'
export const NO_SUCH_PASSWORD = 'The password you are trying to remove from the user does not exist'
export const BAD_HASH =
  'The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters'
export const FIRST_ARGUMENT_OF_SUBCOMMAND = 'Allowing first-arg of a subcommand is not supported'
export const DUPLICATE_USER = 'Duplicate user found. A user can only be defined once in config files'

/** Rules, user names and patterns must be one word each: they are written to files, separated by blanks. */
export function hasSpaces(text: string): boolean {
  return /[\0\t\n\v\f\r ]/.test(text)
}

/**
 * The values of every directive as one plain object, which is all that most of the server sees of the
 * configuration. Reading files, CONFIG GET and CONFIG SET are configuration.ts's.
 */
import type { DirectiveName, DirectiveTypes } from './directives.ts'

/** `list-max-listpack-size` as a property name: listMaxListpackSize. */
type PropertyOf<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<PropertyOf<Tail>>}`
  : Name extends `${infer Head}_${infer Tail}`
    ? `${Head}${Capitalize<PropertyOf<Tail>>}`
    : Name

/** Every directive's value under its name in camel case. Belongs to one Configuration, which alone writes. */
export type Settings = {
  readonly [Name in DirectiveName as PropertyOf<Name>]: DirectiveTypes[Name]
}

export type SettingName = keyof Settings

/** The property of Settings that holds the directive `name`. */
export function settingName(name: DirectiveName): SettingName {
  return name.replaceAll(/[-_](.)/g, (_, letter: string) => letter.toUpperCase()) as SettingName
}

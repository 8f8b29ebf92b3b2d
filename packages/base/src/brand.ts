/**
 * A type that only its own parser can make: `Brand<string, "NodeId">` is a string nobody else can pass by
 * mistake.
 */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

declare const brand: unique symbol;

/**
 * How many resources at once, unless the caller says otherwise: nearly all of an update is waiting for Entra and hosts, and
 * a host puts live together what waits there. The engine's own default is four for each processor.
 */
export const parallel = 32;

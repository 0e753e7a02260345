/** The network's rules that people want to look at beforehand; the programs and nodes decide by the same integers. */
export * from './allocation';
export * from './geo';
export * from './score';
export * from './turn';

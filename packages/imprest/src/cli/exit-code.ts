/** 0: clean. 1: the command ran and found something. 2: it could not use its input. */
export const ExitCode: { readonly clean: 0; readonly findings: 1; readonly unusable: 2 } = {
  clean: 0,
  findings: 1,
  unusable: 2,
};

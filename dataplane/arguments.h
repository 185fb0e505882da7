// The command line of poi-dataplane.
#pragma once

// The configuration file to use, of `argv` or static. NULL: there is nothing more to do, what was
// asked for or the usage is printed, and *code is the exit status.
const char *arguments_read(int argc, char **argv, int *code);

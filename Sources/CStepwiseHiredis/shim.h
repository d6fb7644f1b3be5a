#ifndef STEPWISE_HIREDIS_SHIM_H
#define STEPWISE_HIREDIS_SHIM_H

// Only what hiredis 0.14 and 1.x have in common: the protocol writer and the protocol reader.
// Sockets, TLS and timeouts are SwiftNIO's.
#include <hiredis/hiredis.h>
#include <hiredis/read.h>

#endif

// requeue.h - back to what was submitted, so that a corrected alias counts. Pure.
#pragma once

#include <string>

#include "lib/store/entry.h"

namespace manage {

struct Requeued {
  store::Envelope envelope;
  std::string statuses;  ///< a byte for each of its recipients
};

/// Recipients that wait become the addresses they were made of, each once, not yet expanded.
/// Recipients that are done stay as they are: what was delivered is not delivered again.
Requeued requeued(const store::Entry& entry);

}  // namespace manage

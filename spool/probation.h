// probation.h - a server that refuses everything from the start refuses us, not the mail: a 5xx
// that refuses every recipient of the first three messages of a run is our set-up's fault. Until
// then such answers are held back, since a bounce cannot be taken back. Pure.
#pragma once

#include <map>
#include <vector>

#include "spool/dispatch.h"

namespace spool {

class Probation {
 public:
  struct Judgement {
    std::vector<Finished> ready;           ///< to be believed, oldest first
    std::optional<std::size_t> condemned;  ///< a smarthost that is to be left alone for now
  };
  /// What to make of an answer from a server.
  Judgement judge(Finished finished);
  /// There is no third message to wait for: all that was held back is to be believed.
  std::vector<Finished> release();
  /// Whether answers are held back.
  bool waiting() const;

 private:
  struct Record {
    bool trusted = false;    // a message was taken for somebody
    bool condemned = false;  // what was under way by then is no better than the first three
    std::vector<Finished> refused;
  };
  std::map<std::size_t, Record> records_;  // by smarthost
};

}  // namespace spool

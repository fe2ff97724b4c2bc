// farewell.h - the terminal goes away, or the machine does: something is put into safety first.
#pragma once

namespace reader {

/// While it lives, SIGHUP and SIGTERM set a mark and then count as an interrupt, which ends a read
/// (see catch_interrupts()).
class Farewell {
 public:
  Farewell();
  Farewell(const Farewell&) = delete;
  Farewell& operator=(const Farewell&) = delete;
  ~Farewell();
  /// Whether one of them came.
  static bool came();
  /// Die of it, as if nothing had been caught.
  [[noreturn]] static void die();
};

}  // namespace reader

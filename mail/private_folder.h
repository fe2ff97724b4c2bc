// private_folder.h - a folder nobody else can enter, for files that other programs are given by
// name.
#pragma once

#include <sys/types.h>

#include <string>

#include "lib/base/fd.h"
#include "lib/base/result.h"

namespace reader {

/// It is there as long as the object, and not longer than the process however that ends: a process
/// that waits for our end removes it.
class PrivateFolder {
 public:
  PrivateFolder() = default;
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;
  ~PrivateFolder();

  /// Its path, below `parent`; made by the first call. Errors: retry, io.
  base::Result<std::string> path(const std::string& parent);

 private:
  std::string path_;
  base::Fd alive_;  // closed by our end
  pid_t sweeper_ = -1;
};

}  // namespace reader

// mbox_folder.h - a mailbox in one file as a Folder.
#pragma once

#include <memory>
#include <string>

#include "lib/base/result.h"
#include "mail/folder.h"

namespace reader {

/// As open_folder().
base::Result<std::unique_ptr<Folder>> open_mbox(const std::string& path, const Owner& owner);

}  // namespace reader

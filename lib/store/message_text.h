// message_text.h - a message inside a file, and reading it for a mailbox.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/store/mbox.h"

namespace store {

/// A message with LF line ends inside a file, the header first.
struct MessageText {
  int descriptor = -1;
  std::uint64_t offset = 0, size = 0;
};

/// What is written into a mailbox, in large pieces: some text, a message, and for an mbox that
/// quoted and an empty line behind it.
class Rendering {
 public:
  enum class Form { mbox, plain };
  Rendering(std::string start, const MessageText& text, Form form);
  /// The next piece, of about 1 MiB; empty at the end. Errors: io (the message is cut short).
  base::Result<std::string_view> next();

 private:
  base::Result<> add_text();

  MessageText text_;
  Form form_;
  Quoter quoter_;
  std::string chunk_, piece_;
  bool started_ = false, ended_ = false;
};

}  // namespace store

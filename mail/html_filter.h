// html_filter.h - HTML through the converter that a person has named.
#pragma once

#include <chrono>
#include <string>

#include "mail/session.h"

namespace reader {

/// HTML of one message as text for this terminal: html_text(), or what the command in the variable
/// `html-filter` makes of it where one is set. HTML is a stranger's, so no program gets it unasked.
class HtmlConverter {
 public:
  explicit HtmlConverter(const Session& session);

  /// Any bytes may come of it. Where the command fails, takes long, or was run for many parts of
  /// the message already, html_text().
  std::string text(const std::string& html);
  /// Whether a person would not wait; html_text() was all there was from then on.
  bool interrupted() const { return interrupted_; }

 private:
  const Session& session_;
  std::chrono::steady_clock::time_point end_;  // of all the time that a message's parts get
  int parts_ = 0;
  bool interrupted_ = false;
};

}  // namespace reader

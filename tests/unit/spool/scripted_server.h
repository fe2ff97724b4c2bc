// scripted_server.h - an SMTP server in memory, as the engine sees one through a Stream.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/text.h"
#include "spool/stream.h"

class ScriptedServer : public spool::Stream {
 public:
  /// Replies by the start of a command ("MAIL", "RCPT TO:<b"), the longest that fits; "." is the
  /// final dot. "close" ends the connection, "silence" answers nothing ever; a reply followed by
  /// " close" is the last one.
  std::map<std::string, std::string> replies;
  std::size_t body_limit = std::string::npos;  ///< after so many bytes of text sending fails
  std::string body_reply;                      ///< what is said then, before the connection goes
  std::size_t piece = 4096;                    ///< replies come in pieces of at most this size

  std::vector<std::string> sends;     ///< what came in one piece, text of messages apart
  std::vector<std::string> commands;  ///< lines, "." for each final dot
  std::vector<std::string> messages;  ///< their text on the wire, without the final dot
  std::vector<bool> patience;

  base::Result<> send(std::string_view text, spool::Deadline) override {
    if (closed_) return base::Error{base::Kind::io, "lost connection"};
    if (in_text_) return take_text(text);
    sends.emplace_back(text);
    input_ += text;
    for (auto end = input_.find("\r\n"); end != std::string::npos && !in_text_ && !closed_;
         end = input_.find("\r\n")) {
      const auto line = input_.substr(0, end);
      input_.erase(0, end + 2);
      commands.push_back(line);
      answer(line);
    }
    return {};
  }

  base::Result<std::size_t> receive(std::span<char> buffer, spool::Deadline) override {
    const auto count = std::min({buffer.size(), output_.size(), piece});
    if (count == 0 && !closed_) return base::Error{base::Kind::retry, "timed out"};
    std::copy_n(output_.begin(), count, buffer.begin());
    output_.erase(0, count);
    return count;
  }

  void await_last_reply(bool patient) override { patience.push_back(patient); }

 private:
  std::string reply_to(const std::string& command) const {
    std::string chosen = command == "DATA" ? "354 go ahead" : "250 2.0.0 fine";
    if (!in_transaction_ && (command == "DATA" || command.starts_with("RCPT")))
      chosen = "503 5.5.1 MAIL first";
    std::size_t longest = 0;
    for (const auto& [start, reply] : replies)
      if (command.starts_with(start) && start.size() >= longest)
        chosen = reply, longest = start.size();
    return chosen;
  }

  void answer(const std::string& command) {
    std::string reply = reply_to(command);
    silent_ = silent_ || reply == "silence";
    if (silent_) return;
    if (command.starts_with("MAIL")) in_transaction_ = reply.starts_with('2');
    closed_ = reply == "close" || reply.ends_with(" close");
    if (reply == "close") return;
    if (closed_) reply.resize(reply.size() - 6);
    output_ += reply + "\r\n";
    if (command == "DATA" && reply.starts_with("354")) in_text_ = true;
  }

  base::Result<> take_text(std::string_view text) {
    text_ += text;
    if (text_.size() > body_limit) {
      closed_ = true;
      output_ += body_reply;
      return base::Error{base::Kind::io, "lost connection"};
    }
    const bool empty = text_.starts_with(".\r\n");
    const auto end = empty ? 0 : text_.find("\r\n.\r\n");
    if (end == std::string::npos) return {};
    messages.push_back(text_.substr(0, empty ? 0 : end + 2));
    const std::string behind = text_.substr(empty ? 3 : end + 5);
    text_.clear();
    in_text_ = in_transaction_ = false;
    commands.emplace_back(".");
    answer(".");
    return behind.empty() || closed_ ? base::Result<>() : send(behind, {});
  }

  std::string input_, output_, text_;
  bool in_transaction_ = false, in_text_ = false, silent_ = false, closed_ = false;
};

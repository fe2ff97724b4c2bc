// fake_folder.h - a mailbox in memory, and a session that has it open.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "mail/folder.h"
#include "mail/session.h"

struct FakeMessage {
  std::string header;
  std::string body = "text\n";
  reader::Flags flags = 0;
  std::string from_line = "From a@b Sat Jan  2 08:50:01 2021\n";
};

class FakeFolder : public reader::Folder {
 public:
  explicit FakeFolder(std::vector<FakeMessage> messages) : messages_(std::move(messages)) {}

  std::size_t count() const override { return messages_.size(); }
  reader::Flags flags(std::size_t index) const override { return messages_[index].flags; }
  std::uint64_t size(std::size_t index) const override { return whole(index).size(); }
  base::Result<std::uint64_t> lines(std::size_t index) override {
    std::uint64_t lines = 0;
    for (const char c : whole(index)) lines += c == '\n' ? 1 : 0;
    return lines;
  }
  base::Result<std::string> from_line(std::size_t index) override {
    return messages_[index].from_line;
  }
  base::Result<std::string> header(std::size_t index) override {
    ++headers_read;
    return messages_[index].header;
  }
  base::Result<std::string> text(std::size_t index) override {
    return messages_[index].header + "\n" + messages_[index].body;
  }
  base::Result<std::string> stored(std::size_t index) override { return whole(index); }
  base::Result<std::size_t> update() override { return std::size_t{0}; }
  base::Result<Left> commit_when(std::span<const reader::Verdict>, WhenEmpty,
                                 const reader::Ready&) override {
    return Left{};
  }
  bool read_only() const override { return false; }
  std::string remark() const override { return ""; }

  std::size_t headers_read = 0;

 private:
  std::string whole(std::size_t index) const {
    const auto& message = messages_[index];
    return message.from_line + message.header + "\n" + message.body + "\n";
  }

  std::vector<FakeMessage> messages_;
};

/// A session of jane@box.example with these messages; dot is the first.
inline reader::Session session_with(std::vector<FakeMessage> messages) {
  reader::Session session;
  session.person = {"jane", "/home/jane", "box.example", "lan.example", 5001};
  session.system_mailbox = "/var/mail/jane";
  for (const auto& message : messages) {
    reader::Marks marks = 0;
    if ((message.flags & reader::seen) != 0) marks |= reader::is_read;
    if (message.flags == 0) marks |= reader::is_new;
    session.marks.push_back(marks);
  }
  session.folder = std::make_unique<FakeFolder>(std::move(messages));
  return session;
}

/// So many messages, "subject N" of uN@x, all new.
inline reader::Session session_of(std::size_t count) {
  std::vector<FakeMessage> messages;
  for (std::size_t i = 1; i <= count; ++i) {
    const auto number = std::to_string(i);
    messages.push_back({"From: u" + number + "@x\nSubject: subject " + number + "\n"});
  }
  return session_with(std::move(messages));
}

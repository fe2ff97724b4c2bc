#include "lib/store/message_text.h"

#include <algorithm>
#include <utility>

#include "lib/base/fd.h"

namespace store {

using base::Error;
using base::Kind;
using base::Result;

namespace {
constexpr std::size_t chunk_size = 1 << 20;
constexpr std::size_t read_size = 256 << 10;
}  // namespace

Rendering::Rendering(std::string start, const MessageText& text, Form form)
    : text_(text), form_(form), chunk_(std::move(start)) {}

// One read's worth.
Result<> Rendering::add_text() {
  piece_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(text_.size, read_size)));
  TRY_LET(got, base::read_at(text_.descriptor, piece_, text_.offset, "message"));
  if (got < piece_.size()) return Error{Kind::io, "message: shorter than it was"};
  text_.offset += got;
  text_.size -= got;
  if (form_ == Form::mbox) quoter_.append(piece_, chunk_);
  else chunk_ += piece_;
  return {};
}

Result<std::string_view> Rendering::next() {
  if (std::exchange(started_, true)) chunk_.clear();
  if (ended_) return std::string_view();
  while (text_.size > 0 && chunk_.size() < chunk_size) TRY(add_text());
  if (text_.size > 0) return std::string_view(chunk_);
  ended_ = true;
  if (form_ == Form::mbox) {
    quoter_.finish(chunk_);
    chunk_.push_back('\n');
  }
  return std::string_view(chunk_);
}

}  // namespace store

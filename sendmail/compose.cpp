#include "sendmail/compose.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "lib/base/text.h"
#include "lib/rfc/address.h"
#include "lib/rfc/date.h"

namespace submit {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {
// A header line longer than this goes on in pieces. It is more than any field's name and less than
// what would be felt.
constexpr std::size_t long_line = 4096;
}  // namespace

Composer::Composer(const Context& context, Order order)
    : context_(context),
      order_(std::move(order)),
      arrival_(context.clock()),
      header_(context.site->domain, order_.recipients_from_header),
      scratch_(context.spool != nullptr ? context.spool->tmp() : -1) {}

Result<> Composer::append(std::string_view text) {
  while (!storage_ && !text.empty()) TRY(header_text(text));
  return text.empty() ? Result<>() : body_text(text);
}

// Takes one line, or what there is of it, from `text`. In the header a CR of its own ends a line as
// LF and CRLF do: a field that hides behind one for us would be a field for somebody else.
Result<> Composer::header_text(std::string_view& text) {
  if (std::exchange(carriage_return_, CarriageReturn::none) == CarriageReturn::ended_line &&
      text[0] == '\n') {
    text.remove_prefix(1);
    return {};
  }
  const auto end = std::min(text.find_first_of("\r\n"), text.size());
  line_.append(text.substr(0, end));
  if (end == text.size()) {
    text = {};
    if (line_.size() < long_line) return {};
    return header_line(std::exchange(line_, {}));
  }
  if (text[end] == '\r') carriage_return_ = CarriageReturn::ended_line;
  text.remove_prefix(end + 1);
  line_.push_back('\n');
  return header_line(std::exchange(line_, {}));
}

// A whole line, or a piece of a long one.
Result<> Composer::header_line(std::string_view line) {
  header_bytes_ += line.size();
  TRY(check_size(header_bytes_));
  const bool continued = std::exchange(line_begun_, line.back() != '\n');
  if (continued) {
    header_.more_of_line(line, scratch_.buffer());
    return scratch_.settle();
  }
  switch (header_.line(line, scratch_.buffer())) {
    case HeaderFixup::Taken::yes: return scratch_.settle();
    case HeaderFixup::Taken::end: return end_header();
    case HeaderFixup::Taken::body: break;
  }
  TRY(end_header());
  // It was body all the time: a CR behind it was content or the first half of its line end.
  if (carriage_return_ == CarriageReturn::none) return body_text(line);
  carriage_return_ = CarriageReturn::none;
  TRY(body_text(line.substr(0, line.size() - 1)));
  carriage_return_ = CarriageReturn::undecided;
  return {};
}

Origin Composer::origin() const {
  const auto& site = *context_.site;
  const auto& sender = order_.sender.path;
  std::string address = sender.null() ? "MAILER-DAEMON" : sender.text();
  if (!sender.qualified()) address += cat("@", site.domain);
  std::string name = order_.full_name;
  if (name.empty() && context_.who->user && !sender.null()) name = context_.who->user->full_name;
  const std::string stamp = cat(base::seconds(arrival_), ".", storage_->id().text());
  return {name.empty() ? address : cat(rfc::phrase(name), " <", address, ">"),
          rfc::date(base::seconds(arrival_), base::local_offset(arrival_)),
          cat("<", stamp, "@", site.domain, ">")};
}

std::string Composer::received() const {
  const auto& who = *context_.who;
  const std::string real = who.real_uid == who.uid ? "" : cat(", real userid ", who.real_uid);
  return cat("Received: by ", context_.site->host_name, " (postbag, from userid ", who.uid, real,
             ")\n\tid ", storage_->id().text(), "; ",
             rfc::date(base::seconds(arrival_), base::local_offset(arrival_)), "\n");
}

Result<> Composer::end_header() {
  header_.finish(scratch_.buffer());
  for (const auto& list : header_.recipient_fields())
    TRY(order_.recipients.add_list(list, Recipients::Source::header));
  if (order_.recipients.empty())
    return Error{Kind::usage,
                 order_.recipients_from_header
                     ? "no recipient addresses found in message header"
                     : "recipient addresses must be given on the command line or with -t"};
  TRY_LET(storage, Storage::create(context_.spool, context_.spool_trouble, arrival_));
  storage_.emplace(std::move(storage));
  store::Envelope envelope{arrival_, context_.who->uid, {order_.sender}, order_.recipients.take()};
  TRY(storage_->begin(envelope, received(), late_mime_room));
  scratch_.buffer() += missing_fields(header_, origin());
  TRY(scratch_.drain([this](std::string_view piece) { return store(piece); }));
  TRY(store("\n"));
  last_ = '\n';
  return {};
}

Result<> Composer::store(std::string_view text) {
  TRY(storage_->append(text));
  return check_size(storage_->message_bytes());
}

Result<> Composer::check_size(std::uint64_t bytes) const {
  const auto limit = context_.site->size_limit;
  if (limit != 0 && bytes > limit)
    return Error{Kind::data, cat("message is larger than size_limit of [spool], ", limit, " bytes"),
                 EFBIG};
  return {};
}

// CRLF becomes LF; a CR of its own is content here.
Result<> Composer::body_text(std::string_view text) {
  if (text.empty()) return {};
  const auto before = std::exchange(carriage_return_, CarriageReturn::none);
  if (before == CarriageReturn::ended_line && text[0] == '\n') text.remove_prefix(1);
  if (before == CarriageReturn::undecided && text[0] != '\n') TRY(body_piece("\r"));
  while (!text.empty()) {
    const auto end = std::min(text.find('\r'), text.size());
    TRY(body_piece(text.substr(0, end)));
    if (end == text.size()) return {};
    text.remove_prefix(end + 1);
    if (text.empty()) carriage_return_ = CarriageReturn::undecided;
    else if (text[0] != '\n') TRY(body_piece("\r"));
  }
  return {};
}

Result<> Composer::body_piece(std::string_view piece) {
  if (piece.empty()) return {};
  check_utf8(piece);
  last_ = piece.back();
  return store(piece);
}

// Only until the first byte that is no UTF-8; a character may lie across two pieces.
void Composer::check_utf8(std::string_view text) {
  const bool plain = utf8_carry_.empty() && std::none_of(text.begin(), text.end(), base::eight_bit);
  if (plain || !utf8_) return;
  eight_bit_ = true;
  std::string joined = std::exchange(utf8_carry_, {});
  joined.append(text);
  std::string_view rest = joined;
  while (!rest.empty()) {
    const auto length = base::utf8_length(rest);
    if (length == 0) break;
    rest.remove_prefix(length);
  }
  if (rest.size() < 4 && !rest.empty() && base::eight_bit(rest[0]))
    utf8_carry_ = rest;  // may be the beginning of one
  else utf8_ = rest.empty();
}

Result<Stored> Composer::finish() {
  if (!storage_ && (!line_.empty() || line_begun_)) {
    line_.push_back('\n');
    TRY(header_line(std::exchange(line_, {})));
  }
  if (!storage_) TRY(end_header());
  if (carriage_return_ == CarriageReturn::undecided) TRY(body_piece("\r"));
  if (last_ != '\n') TRY(store("\n"));
  TRY_LET(id,
          storage_->commit(late_mime_fields(header_, eight_bit_, utf8_ && utf8_carry_.empty())));
  return Stored{std::move(id), storage_->in_spool(), storage_->message_bytes()};
}

}  // namespace submit

#include "sendmail/fixup.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/rfc/address.h"

namespace submit {

using base::cat;
using rfc::Field;

namespace {

// A name and its colon must stand within this: what a caller gives of a long line holds it.
constexpr std::size_t longest_name = 990;
// An address field longer than this goes out before its end is seen.
constexpr std::size_t long_field = 16 * 1024;

bool recipient_field(Field field) {
  return field == Field::to || field == Field::cc || field == Field::bcc;
}
bool resent_recipient_field(Field field) {
  return field == Field::resent_to || field == Field::resent_cc || field == Field::resent_bcc;
}
bool secret_or_stale(Field field) {
  return field == Field::bcc || field == Field::resent_bcc || field == Field::return_path ||
         field == Field::content_length;
}

}  // namespace

HeaderFixup::Taken HeaderFixup::line(std::string_view text, std::string& out) {
  const bool first = std::exchange(first_line_, false);
  if (text == "\n") return Taken::end;
  if ((text[0] == ' ' || text[0] == '\t') && sink_ != Sink::none) {
    more_of_line(text, out);
    return Taken::yes;
  }
  if (first && text.starts_with("\xef\xbb\xbf") && rfc::field_name_length(text.substr(3)) > 0)
    text.remove_prefix(3);  // an editor's byte order mark would make the first field a body line
  const auto name_length = rfc::field_name_length(text.substr(0, longest_name));
  if (name_length == 0) {
    if (seen_ != 0 || !(text.starts_with("From ") || text.starts_with(">From ")))
      return Taken::body;
    first_line_ = true;  // an mbox's separator; its sender is nobody's word. Nothing continues it.
    return Taken::yes;
  }
  end_field(out);
  begin_field(text, name_length, out);
  return Taken::yes;
}

void HeaderFixup::begin_field(std::string_view text, std::size_t name_length, std::string& out) {
  field_ = rfc::field_of(text.substr(0, name_length));
  const bool collected =
      collect_recipients_ && (recipient_field(field_) || resent_recipient_field(field_));
  sink_ = collected || (rfc::holds_addresses(field_) && !secret_or_stale(field_)) ? Sink::hold
          : secret_or_stale(field_)                                               ? Sink::drop
                                                                                  : Sink::copy;
  body_offset_ = text.find(':') + 1;
  if (field_ != Field::from || !base::trim(text.substr(body_offset_)).empty()) seen_ |= bit(field_);
  seen_ |= bit(Field::other);  // the header has begun
  more_of_line(text, out);
}

void HeaderFixup::more_of_line(std::string_view text, std::string& out) {
  if (sink_ == Sink::copy) out.append(text);
  if (sink_ == Sink::hold) hold(text, out);
}

// Address lists of any length go out piece by piece; only those that recipients are read from are
// kept whole. The pieces are counted from the field's beginning, so that those the caller has make
// no difference.
void HeaderFixup::hold(std::string_view text, std::string& out) {
  if (collect_recipients_ && (recipient_field(field_) || resent_recipient_field(field_))) {
    held_.append(text);
    return;
  }
  while (!text.empty() && sink_ == Sink::hold) {
    const auto room = body_offset_ + long_field - std::min(held_.size(), body_offset_ + long_field);
    const auto count = std::min(room, text.size());
    held_.append(text.substr(0, count));
    text.remove_prefix(count);
    if (held_.size() >= body_offset_ + long_field) release(out);
  }
  out.append(text);
}

// Give away what is complete of the list that is held.
void HeaderFixup::release(std::string& out) {
  const auto body = std::string_view(held_).substr(body_offset_);
  if (field_ == Field::from && !partly_out_ && base::trim(body).empty()) {
    held_.resize(body_offset_);  // it may yet turn out to be empty
    return;
  }
  rfc::AddressList walk(body, in_group_);
  std::size_t whole = 0;
  bool group_open = in_group_;
  while (walk.next() && walk.position() < body.size()) {
    whole = walk.position();
    group_open = walk.in_group();
  }
  // What has no end within so much text is nobody's address.
  if (whole == 0) sink_ = Sink::copy;
  const auto done = whole == 0 ? body.size() : whole;
  out.append(held_, 0, body_offset_);
  out.append(whole == 0 ? std::string(body)
                        : rfc::qualified(body.substr(0, whole), domain_, in_group_));
  held_.erase(0, body_offset_ + done);
  if (field_ == Field::from) seen_ |= bit(field_);
  body_offset_ = 0;
  partly_out_ = true;
  in_group_ = group_open;
}

void HeaderFixup::collect(std::string_view body) {
  if (resent_recipient_field(field_)) resent_lists_.emplace_back(body);
  else if (recipient_field(field_)) lists_.emplace_back(body);
}

void HeaderFixup::end_field(std::string& out) {
  if (sink_ == Sink::copy && !out.empty() && out.back() != '\n') out.push_back('\n');
  if (sink_ == Sink::hold) {
    const std::string text = std::exchange(held_, {});
    const auto body = std::string_view(text).substr(body_offset_);
    if (collect_recipients_) collect(body);
    // A From with nothing in it counts as missing.
    const bool empty_from = field_ == Field::from && !partly_out_ && base::trim(body).empty();
    if (field_ == Field::from && !empty_from) seen_ |= bit(field_);
    if (!secret_or_stale(field_) && !empty_from) {
      out.append(text, 0, body_offset_);
      out.append(rfc::qualified(body, domain_, in_group_));
      if (out.back() != '\n') out.push_back('\n');
    }
  }
  sink_ = Sink::none;
  partly_out_ = in_group_ = false;
}

void HeaderFixup::finish(std::string& out) { end_field(out); }

bool HeaderFixup::resent() const {
  for (const Field field :
       {Field::resent_from, Field::resent_sender, Field::resent_to, Field::resent_cc,
        Field::resent_bcc, Field::resent_date, Field::resent_message_id, Field::resent_reply_to})
    if (has(field)) return true;
  return false;
}

std::string missing_fields(const HeaderFixup& header, const Origin& origin) {
  std::string fields;
  const auto add = [&](Field field, std::string_view name, const std::string& value) {
    if (!header.has(field)) fields += cat(name, ": ", value, "\n");
  };
  if (header.resent()) {
    add(Field::resent_date, "Resent-Date", origin.date);
    add(Field::resent_from, "Resent-From", origin.from);
    add(Field::resent_message_id, "Resent-Message-ID", origin.message_id);
  }
  add(Field::date, "Date", origin.date);
  add(Field::from, "From", origin.from);
  add(Field::message_id, "Message-ID", origin.message_id);
  return fields;
}

std::string late_mime_fields(const HeaderFixup& header, bool eight_bit_body, bool utf8) {
  if (!eight_bit_body) return {};
  std::string fields;
  if (!header.has(Field::mime_version)) fields += "MIME-Version: 1.0\n";
  if (!header.has(Field::content_type))
    fields += cat("Content-Type: text/plain; charset=", utf8 ? "utf-8" : "unknown-8bit", "\n");
  if (!header.has(Field::content_transfer_encoding)) fields += "Content-Transfer-Encoding: 8bit\n";
  return fields;
}

}  // namespace submit

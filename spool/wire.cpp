#include "spool/wire.h"

#include <cstring>
#include <utility>

#include "lib/base/text.h"
#include "spool/header_fit.h"

namespace spool {

namespace {
constexpr auto npos = std::string_view::npos;

constexpr std::size_t largest_character = 4;  // of UTF-8

/// Bytes of the UTF-8 character that begins with `c`, as far as `c` alone tells; 0 inside of one.
std::size_t character_length(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte < 0x80) return 1;
  if (byte < 0xc0) return 0;
  if (byte < 0xe0) return 2;
  return byte < 0xf0 ? 3 : 4;
}

constexpr bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }
}  // namespace

void DotStuffer::append(std::string_view piece, std::string& out) {
  if (!pending_cr_ && held_.empty() && piece.find('\r') == npos) append_lines(piece, out);
  while (!piece.empty()) {
    const auto line_end = piece.find('\n');
    const auto part = piece.substr(0, line_end);
    append_part(part, out);
    if (line_end == npos) return;
    pending_cr_ = false;  // it was of the line end
    release(out);
    out.append("\r\n");
    column_ = 0;
    piece.remove_prefix(line_end + 1);
  }
}

/// The ordinary text: whole lines without CR that are not too long are copied and taken off
/// `piece`. What a gigabyte consists of is worth a loop of its own.
void DotStuffer::append_lines(std::string_view& piece, std::string& out) {
  const auto before = out.size();
  out.resize(before + 2 * piece.size());  // an LF and a dot become two bytes, all else stays one
  char* to = out.data() + before;
  for (auto end = piece.find('\n'); end != npos; end = piece.find('\n')) {
    if (column_ + end > largest_line - largest_character) break;
    if (column_ == 0 && piece[0] == '.') {
      *to++ = '.';
      ++stuffed_;
    }
    std::memcpy(to, piece.data(), end);
    to += end;
    *to++ = '\r';
    *to++ = '\n';
    column_ = 0;
    piece.remove_prefix(end + 1);
  }
  out.resize(static_cast<std::size_t>(to - out.data()));
}

/// Text without LF.
void DotStuffer::append_part(std::string_view part, std::string& out) {
  const bool short_part = column_ + part.size() <= largest_line - largest_character;
  if (!short_part || pending_cr_ || part.find('\r') != npos) {
    for (const char c : part) append_byte(c, out);
    return;
  }
  if (column_ == 0 && part.starts_with('.')) {
    out.push_back('.');
    ++stuffed_;
  }
  out.append(part);
  column_ += part.size();
}

void DotStuffer::append_byte(char c, std::string& out) {
  if (pending_cr_) put(' ', out);
  pending_cr_ = c == '\r';
  if (!pending_cr_) put(c, out);
}

/// Bytes of a character that may cross the end of a full line wait until that is known; what comes
/// decides, not the pieces in which it comes.
void DotStuffer::put(char c, std::string& out) {
  if (!held_.empty() && !continues(c)) release(out);
  if (column_ + held_.size() >= largest_line) break_line(out);
  const bool crosses = held_.empty() && column_ + character_length(c) > largest_line;
  if (crosses || (!held_.empty() && continues(c))) held_.push_back(c);
  else write(c, out);
}

void DotStuffer::write(char c, std::string& out) {
  if (column_ == 0 && c == '.') {
    out.push_back('.');
    ++stuffed_;
  }
  out.push_back(c);
  ++column_;
}

/// What is held comes to the new line.
void DotStuffer::break_line(std::string& out) {
  out.append("\r\n ");
  column_ = 1;
  release(out);
}

void DotStuffer::release(std::string& out) {
  for (const char c : std::exchange(held_, {})) write(c, out);
}

void DotStuffer::finish(std::string& out) {
  if (pending_cr_) put(' ', out);
  release(out);
  if (column_ > 0) out.append("\r\n");
  out.append(".\r\n");
  *this = {};
}

namespace {
constexpr std::size_t largest_encoded_line = 76;  // RFC 2045 section 6.7 (5) and 6.8
constexpr std::string_view from_mark = "From ";

void put_hex(char c, std::string& out) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  out.append({'=', hex[byte >> 4], hex[byte & 15]});
}

constexpr bool blank(char c) { return c == ' ' || c == '\t'; }
constexpr bool quoted_as_it_is(char c) { return c >= ' ' && c < 0x7f && c != '='; }

enum class Form { plain, hex, unknown };
/// How a byte that may open a line is written; unknown if that needs more text. A '.' is escaped at
/// the start of every line: a relay that loses a dot then does no harm.
Form first_form(std::string_view rest, bool last) {
  if (rest[0] == '.' || rest.starts_with(from_mark)) return Form::hex;
  if (!last && from_mark.starts_with(rest)) return Form::unknown;
  return quoted_as_it_is(rest[0]) ? Form::plain : Form::hex;
}

/// A blank must not end a line (RFC 2045 section 6.7, rule 3).
Form blank_form(std::string_view rest, bool last) {
  if (rest.size() == 1) return last ? Form::hex : Form::unknown;
  return rest[1] == '\n' ? Form::hex : Form::plain;
}

/// How the first byte of `rest` is written at `column`.
Form quoted_form(std::string_view rest, std::size_t column, bool last) {
  if (blank(rest[0])) return blank_form(rest, last);
  if (column == 0) return first_form(rest, last);
  return quoted_as_it_is(rest[0]) ? Form::plain : Form::hex;
}
}  // namespace

void BodyEncoder::append(std::string_view piece, std::string& out) {
  switch (encoding_) {
    case TransferEncoding::none: out.append(piece); return;
    case TransferEncoding::quoted_printable:
      held_.append(piece);
      encode_quoted(false, out);
      return;
    case TransferEncoding::base64:
      for (const char c : piece) {
        if (c == '\n') held_.push_back('\r');
        held_.push_back(c);
      }
      encode_base64(out);
  }
}

void BodyEncoder::finish(std::string& out) {
  if (encoding_ == TransferEncoding::quoted_printable) encode_quoted(true, out);
  if (encoding_ == TransferEncoding::base64) {
    if (!held_.empty()) base::append_base64(held_, out);
    if (!held_.empty() || column_ > 0) out.push_back('\n');
  }
  held_.clear();
  column_ = 0;
}

void BodyEncoder::encode_quoted(bool last, std::string& out) {
  std::string_view rest = held_;
  while (!rest.empty() && quote_first(rest, last, out)) rest.remove_prefix(1);
  held_.erase(0, held_.size() - rest.size());
}

/// Writes the first byte of `rest`; false if that needs more text.
bool BodyEncoder::quote_first(std::string_view rest, bool last, std::string& out) {
  if (rest[0] == '\n') {
    out.push_back('\n');
    column_ = 0;
    return true;
  }
  Form form = quoted_form(rest, column_, last);
  const std::size_t size = form == Form::hex ? 3 : 1;
  if (form != Form::unknown && column_ + size >= largest_encoded_line) {  // '=' needs its place too
    out.append("=\n");
    column_ = 0;
    form = rest[0] == '-' ? Form::hex : quoted_form(rest, 0, last);
  }
  if (form == Form::unknown) return false;
  if (form == Form::hex) put_hex(rest[0], out);
  else out.push_back(rest[0]);
  column_ += form == Form::hex ? 3 : 1;
  return true;
}

void BodyEncoder::encode_base64(std::string& out) {
  std::string_view rest = held_;
  for (; rest.size() >= 3; rest.remove_prefix(3)) {
    base::append_base64(rest.substr(0, 3), out);
    column_ += 4;
    if (column_ < largest_encoded_line) continue;
    out.push_back('\n');
    column_ = 0;
  }
  held_.erase(0, held_.size() - rest.size());
}

namespace {
/// Bytes that belong together at the start of `text`; 0 if that needs more of it.
std::size_t unit_size(std::string_view text, bool last) {
  constexpr std::size_t escape = 3;
  if (text[0] != '=') return 1;
  std::size_t size = 1;
  while (size < escape && size < text.size() && text[size] > ' ' && text[size] < 0x7f) ++size;
  return size == text.size() && size < escape && !last ? 0 : size;
}

bool must_be_hex(char c) {
  return c != '\t' && c != '\n' && (base::control(c) || base::eight_bit(c));
}
}  // namespace

void Requoter::append(std::string_view piece, std::string& out) {
  held_.append(piece);
  units(false, out);
}

void Requoter::finish(std::string& out) {
  units(true, out);
  column_ = 0;
}

void Requoter::units(bool last, std::string& out) {
  std::string_view rest = held_;
  while (!rest.empty()) {
    const auto size = unit_size(rest, last);
    if (size == 0) break;
    put(rest.substr(0, size), rest.substr(size), out);
    rest.remove_prefix(size);
  }
  held_.erase(0, held_.size() - rest.size());
}

void Requoter::put(std::string_view unit, std::string_view behind, std::string& out) {
  if (unit == "\n") {
    out.push_back('\n');
    column_ = 0;
    return;
  }
  const bool lone = unit == "=";
  const bool mark = lone && (behind.empty() || behind[0] == '\n');  // for which there is place
  bool hex = must_be_hex(unit[0]) || (lone && !behind.empty() && must_be_hex(behind[0]));
  if (!mark && column_ + (hex ? 3 : unit.size()) >= largest_encoded_line) {
    out.append("=\n");
    column_ = 0;
    hex = hex || unit[0] == '-';
  }
  if (hex) put_hex(unit[0], out);
  else out.append(unit);
  column_ += hex ? 3 : unit.size();
}

void Rewrapper::append(std::string_view piece, std::string& out) {
  for (const char c : piece) {
    if (!base::alpha(c) && !base::digit(c) && c != '+' && c != '/' && c != '=') continue;
    if (column_ == largest_encoded_line) {
      out.push_back('\n');
      column_ = 0;
    }
    out.push_back(c);
    ++column_;
  }
}

}  // namespace spool

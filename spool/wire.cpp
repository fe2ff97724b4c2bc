#include "spool/wire.h"

#include <utility>

#include "lib/base/text.h"
#include "lib/rfc/header.h"

namespace spool {

namespace {
using base::cat;
constexpr auto npos = std::string_view::npos;

constexpr std::size_t largest_line = 998;     // without CRLF, RFC 5321 section 4.5.3.1.6
constexpr std::size_t largest_character = 4;  // of UTF-8

/// Bytes of the UTF-8 character that begins with `c`, as far as `c` alone tells; 0 inside of one.
std::size_t character_length(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte < 0x80) return 1;
  if (byte < 0xc0) return 0;
  if (byte < 0xe0) return 2;
  return byte < 0xf0 ? 3 : 4;
}

/// Whether a line must be broken before `c`. The bytes before `c` and `c` alone decide, so that the
/// pieces in which text comes make no difference; a stuffed dot counts, for those who count it.
bool break_before(char c, std::size_t column) {
  const auto length = character_length(c);
  return length == 0 ? column >= largest_line : column + length > largest_line;
}
}  // namespace

void DotStuffer::append(std::string_view piece, std::string& out) {
  while (!piece.empty()) {
    const auto line_end = piece.find('\n');
    const auto part = piece.substr(0, line_end);
    append_part(part, out);
    if (line_end == npos) return;
    pending_cr_ = false;  // it was of the line end
    out.append("\r\n");
    column_ = 0;
    piece.remove_prefix(line_end + 1);
  }
}

/// Text without LF.
void DotStuffer::append_part(std::string_view part, std::string& out) {
  const bool short_part = column_ + part.size() + 2 <= largest_line - largest_character;
  if (!short_part || pending_cr_ || part.find('\r') != npos) {
    for (const char c : part) append_byte(c, out);
    return;
  }
  if (column_ == 0 && part.starts_with('.')) {
    out.push_back('.');
    ++column_;
  }
  out.append(part);
  column_ += part.size();
}

void DotStuffer::append_byte(char c, std::string& out) {
  if (pending_cr_) put(' ', out);
  pending_cr_ = c == '\r';
  if (!pending_cr_) put(c, out);
}

void DotStuffer::put(char c, std::string& out) {
  if (break_before(c, column_)) {
    out.append("\r\n ");
    column_ = 1;
  }
  if (column_ == 0 && c == '.') {
    out.push_back('.');
    ++column_;
  }
  out.push_back(c);
  ++column_;
}

void DotStuffer::finish(std::string& out) {
  if (pending_cr_) put(' ', out);
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
    form = quoted_form(rest, 0, last);
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
/// Takes the first field with its folded lines and line ends off `rest`.
std::string_view take_field(std::string_view& rest) {
  std::size_t end = 0;
  do {
    const auto line_end = rest.find('\n', end);
    end = line_end == npos ? rest.size() : line_end + 1;
  } while (end < rest.size() && blank(rest[end]));
  const auto field = rest.substr(0, end);
  rest.remove_prefix(end);
  return field;
}

rfc::Field kind_of(std::string_view field) {
  return rfc::field_of(field.substr(0, rfc::field_name_length(field)));
}

/// A structured body up to its parameters, in lower case, without white space and comments.
std::string main_value(std::string_view field) {
  std::string value;
  std::size_t depth = 0;
  for (std::size_t i = field.find(':') + 1; i < field.size(); ++i) {
    const char c = field[i];
    if (c == '(') ++depth;
    else if (c == ')' && depth > 0) --depth;
    else if (c == '\\' && depth > 0) ++i;
    else if (c == ';' && depth == 0) break;
    else if (depth == 0 && !blank(c) && !base::control(c)) value.push_back(base::lower(c));
  }
  return value;
}

void note_content_type(std::string_view type, MimeFacts& facts) {
  if (type.starts_with("multipart/") || type.starts_with("message/")) facts.leaf = false;
  if (type == "multipart/signed" || type == "multipart/encrypted" ||
      type == "application/pkcs7-mime" || type == "application/x-pkcs7-mime")
    facts.signed_or_encrypted = true;
}

bool identity_encoding(std::string_view name) {
  return name.empty() || name == "7bit" || name == "8bit" || name == "binary";
}

void end_line(std::string& text) {
  if (!text.empty() && !text.ends_with('\n')) text.push_back('\n');
}
}  // namespace

MimeFacts mime_facts(std::string_view header) {
  // Of a field that stands there twice each is believed: who reads the message may take either.
  MimeFacts facts;
  while (!header.empty()) {
    const auto field = take_field(header);
    const auto kind = kind_of(field);
    const auto name = field.substr(0, rfc::field_name_length(field));
    if (kind == rfc::Field::content_type) note_content_type(main_value(field), facts);
    if (kind == rfc::Field::content_transfer_encoding && !identity_encoding(main_value(field)))
      facts.identity = false;
    if (base::iequals(name, "DKIM-Signature")) facts.signed_or_encrypted = true;
  }
  return facts;
}

std::string with_transfer_encoding(std::string_view header, TransferEncoding encoding) {
  if (encoding == TransferEncoding::none) return std::string(header);
  const bool quoted = encoding == TransferEncoding::quoted_printable;
  const std::string ours =
      cat("Content-Transfer-Encoding: ", quoted ? "quoted-printable" : "base64", "\n");
  bool version = false, type = false, encoded = false;
  std::string out;
  while (!header.empty()) {
    const auto field = take_field(header);
    const auto kind = kind_of(field);
    version |= kind == rfc::Field::mime_version;
    type |= kind == rfc::Field::content_type;
    if (kind != rfc::Field::content_transfer_encoding) out.append(field);
    else if (!std::exchange(encoded, true)) out.append(ours);
  }
  end_line(out);
  if (!version) out.append("MIME-Version: 1.0\n");
  if (!type) out.append("Content-Type: text/plain\n");
  if (!encoded) out.append(ours);
  return out;
}

}  // namespace spool

#include "mail/outgoing.h"

#include <algorithm>

#include "lib/base/main.h"
#include "lib/base/text.h"
#include "lib/rfc/header.h"
#include "mail/addresses.h"
#include "mail/scratch.h"

namespace reader {

using base::cat;
using base::Error;
using base::Fd;
using base::Kind;
using base::Result;

namespace {

// A name that may stand in a field, of a charset in which ASCII is ASCII: else our own words would
// be read as something else.
bool usable_charset(const std::string& name) {
  constexpr std::size_t longest = 40;
  const bool token = std::all_of(name.begin(), name.end(), [](char c) {
    return base::alpha(c) || base::digit(c) ||
           std::string_view("-_.:+").find(c) != std::string::npos;
  });
  if (!token || name.size() > longest) return false;
  std::string ascii;
  for (char c = ' '; c < 0x7f; ++c) ascii.push_back(c);
  return knows_charset(name) && from_charset(ascii, name) == ascii;
}

std::string own_charset(const Session& session) {
  const std::string named = base::lowered(session.variables.text("ttycharset"));
  const std::string charset = named.empty() ? session.terminal.charset : named;
  if (!usable_charset(charset)) return {};
  const bool says_nothing = charset == "utf-8" || charset == "utf8" || charset == "us-ascii" ||
                            charset == "ansi_x3.4-1968" || charset.empty();
  return says_nothing ? std::string() : charset;
}

const std::string* author_field(const Letter& letter, std::string_view name) {
  for (const auto& field : letter.fields)
    if (base::iequals(field.name, name)) return &field.body;
  return nullptr;
}

bool mime_field(const Letter::Field& field) {
  const auto meaning = rfc::field_of(field.name);
  return meaning == rfc::Field::mime_version || meaning == rfc::Field::content_type ||
         meaning == rfc::Field::content_transfer_encoding;
}

}  // namespace

std::string as_utf8(const Session& session, const std::string& text) {
  if (base::valid_utf8(text)) return text;
  const auto charset = own_charset(session);
  return from_charset(text, charset.empty() ? "windows-1252" : charset);
}

std::string legacy_charset(const Session& session) {
  const auto charset = own_charset(session);
  return charset.empty() ? "unknown-8bit" : charset;
}

namespace {

Addresses* list_for(const Letter::Field& field, Letter& letter) {
  switch (rfc::field_of(field.name)) {
    case rfc::Field::to: return &letter.to;
    case rfc::Field::cc: return &letter.cc;
    case rfc::Field::bcc: return &letter.bcc;
    default: return nullptr;
  }
}

// Whether the letter has a place of its own for it.
Result<bool> adopt(const Letter::Field& field, Letter& letter) {
  if (base::iequals(field.name, "Subject")) {
    letter.subject = field.body;
    return true;
  }
  Addresses* list = list_for(field, letter);
  const bool from = rfc::field_of(field.name) == rfc::Field::from;
  if (list == nullptr && !from) return false;
  TRY_LET(elements, split_persons(field.body));
  if (from && elements.size() != 1) return false;
  if (from) letter.from = elements[0];
  else list->insert(list->end(), elements.begin(), elements.end());
  return true;
}

}  // namespace

Result<> adopt_fields(Letter& letter) {
  std::vector<Letter::Field> kept;
  for (auto& field : letter.fields) {
    TRY_LET(adopted, adopt(field, letter));
    if (!adopted) kept.push_back(std::move(field));
  }
  letter.fields = std::move(kept);
  return {};
}

Result<> set_sender(std::string_view what, const std::string& word, Letter& letter) {
  TRY_LET(elements, split_persons(word));
  if (elements.size() > 1) return Error{Kind::usage, cat(what, ": more than one address")};
  if (elements.empty()) {
    letter.sender = "<>";
    return {};
  }
  letter.sender = bare_address(elements[0]);
  if (letter.sender.starts_with('-'))
    return Error{Kind::usage, cat(what, ": ", base::printable(letter.sender),
                                  ": an address cannot begin with '-'")};
  letter.from = elements[0];
  return {};
}

Result<> use_own_address(const Session& session, Letter& letter) {
  const std::string own = as_utf8(session, session.variables.text("from"));
  if (!letter.from.empty() || base::trim(own).empty()) return {};
  const std::string sender = letter.sender;  // `-r ''`
  TRY(set_sender("from", own, letter));
  if (!sender.empty()) letter.sender = sender;
  return {};
}

Result<BodyFacts> look_at_body(int body) {
  BodyScan scan;
  if (body >= 0)
    TRY(read_pieces(body, 0, [&](std::string_view piece) -> Result<> {
      scan.append(piece);
      return {};
    }));
  return scan.finish();
}

namespace {

std::string type_field(const Letter& letter, const BodyFacts& facts, std::string_view legacy) {
  const auto* given = author_field(letter, "Content-Type");
  const std::string type = given != nullptr ? *given : letter.type;
  const bool text = base::istarts_with(type, "text/");
  if (!text || base::ifind(type, "charset") != std::string::npos) return type;
  const std::string_view charset = !facts.eight_bit ? "us-ascii" : facts.utf8 ? "utf-8" : legacy;
  return cat(type, "; charset=", charset);
}

BodyEntity::Encoding wanted_encoding(std::string_view type, const BodyFacts& facts) {
  const bool composite =
      base::istarts_with(type, "multipart/") || base::istarts_with(type, "message/");
  if (facts.plain() || composite) return BodyEntity::Encoding::none;
  return base::istarts_with(type, "text/") ? BodyEntity::Encoding::quoted_printable
                                           : BodyEntity::Encoding::base64;
}

}  // namespace

BodyEntity entity_of(const Letter& letter, const BodyFacts& facts, std::string_view legacy) {
  BodyEntity entity;
  const std::string type = type_field(letter, facts, legacy);
  const auto* version = author_field(letter, "MIME-Version");
  const auto* given = author_field(letter, "Content-Transfer-Encoding");
  const bool encoded = given != nullptr && (base::iequals(*given, "base64") ||
                                            base::iequals(*given, "quoted-printable"));
  std::string encoding = facts.eight_bit ? "8bit" : "7bit";
  if (encoded) encoding = *given;
  else entity.encoding = wanted_encoding(type, facts);
  if (entity.encoding == BodyEntity::Encoding::quoted_printable) encoding = "quoted-printable";
  if (entity.encoding == BodyEntity::Encoding::base64) encoding = "base64";
  entity.header = cat("MIME-Version: ", version != nullptr ? *version : "1.0",
                      "\nContent-Type: ", rfc::encoded_text(type),
                      "\nContent-Transfer-Encoding: ", encoding, "\n");
  return entity;
}

namespace {

bool says_nothing_of_encoding(std::string_view encoding) {
  encoding = base::trim(encoding);
  for (const char* each : {"", "7bit", "8bit", "binary"})
    if (base::iequals(encoding, each)) return true;
  return false;
}

template <typename Encoder>
Result<> append_encoded(int body, Scratch& message) {
  Encoder encoder;
  std::string out;
  TRY(read_pieces(body, 0, [&](std::string_view piece) {
    out.clear();
    encoder.append(piece, out);
    return message.append(out);
  }));
  out.clear();
  encoder.finish(out);
  return message.append(out);
}

Result<> append_body(const Letter& letter, BodyEntity::Encoding encoding, Scratch& message) {
  if (!letter.body) return {};
  const int body = letter.body.number();
  switch (encoding) {
    case BodyEntity::Encoding::quoted_printable:
      return append_encoded<QuotedPrintable>(body, message);
    case BodyEntity::Encoding::base64: return append_encoded<Base64>(body, message);
    case BodyEntity::Encoding::none: break;
  }
  return message.append_file(body);
}

// The fields of a letter that are not about its encoding.
Letter without_mime_fields(const Letter& letter) {
  Letter copy;
  copy.to = letter.to;
  copy.cc = letter.cc;
  copy.reply_to = letter.reply_to;
  copy.from = letter.from;
  copy.subject = letter.subject;
  copy.in_reply_to = letter.in_reply_to;
  copy.references = letter.references;
  copy.fields = letter.fields;
  std::erase_if(copy.fields, mime_field);
  return copy;
}

// Where the text of an entity begins: behind its first empty line.
Result<std::string> entity_header(int entity) {
  constexpr std::size_t largest = 1 << 16;
  std::string text(largest, '\0');
  TRY_LET(size, base::read_at(entity, text, 0, "letter"));
  text.resize(std::min(size, text.find("\n\n") + 1));
  return text;
}

Result<Fd> with_attachments(Session& session, const Letter& letter) {
  const std::string& folder = session.environment.tmp;
  TRY_LET(entity, unnamed_file(folder));
  TRY_LET(facts, look_at_body(letter.body ? letter.body.number() : -1));
  const std::string type = type_field(letter, facts, legacy_charset(session));
  TRY_LET(nothing, Scratch(folder).finish());
  const int body = letter.body ? letter.body.number() : nothing.number();
  auto attachments = letter.attachments;
  for (auto& each : attachments) each.name = as_utf8(session, each.name);
  TRY(session.mime.build(body, type, attachments, entity.number()));
  TRY_LET(mime_fields, entity_header(entity.number()));
  Scratch message(folder);
  TRY(message.append(cat(letter_header(without_mime_fields(letter), mime_fields), "\n")));
  TRY(message.append_file(entity.number(), mime_fields.size() + 1));
  return std::move(message).finish();
}

}  // namespace

Result<> check_entity(const Letter& letter) {
  constexpr std::size_t longest = 800;  // it stands on one line
  const auto* type = author_field(letter, "Content-Type");
  const std::string_view meant = type != nullptr ? *type : letter.type;
  if (meant.size() > longest)
    return Error{Kind::usage, cat("Content-Type: ", base::printable(meant, 100), ": too long")};
  if (letter.attachments.empty()) return {};
  if (base::istarts_with(meant, "multipart/") || base::istarts_with(meant, "message/"))
    return Error{Kind::usage,
                 cat("Content-Type: ", base::printable(meant, 100),
                     ": nothing can be attached to a text that is a message in parts itself")};
  const auto* encoding = author_field(letter, "Content-Transfer-Encoding");
  if (encoding != nullptr && !says_nothing_of_encoding(*encoding))
    return Error{Kind::usage, cat("Content-Transfer-Encoding: ", base::printable(*encoding, 100),
                                  ": nothing can be attached to a text that is encoded already")};
  return {};
}

Result<Fd> outgoing_message(Session& session, const Letter& letter) {
  TRY(check_entity(letter));
  if (!letter.attachments.empty()) return with_attachments(session, letter);
  TRY_LET(facts, look_at_body(letter.body ? letter.body.number() : -1));
  const auto entity = entity_of(letter, facts, legacy_charset(session));
  if (facts.longest > 998 && entity.encoding == BodyEntity::Encoding::none)
    base::complain(cat("the text is sent as it is, though it has a line of ", facts.longest,
                       " bytes: 998 are allowed"));
  Scratch message(session.environment.tmp);
  TRY(message.append(cat(letter_header(without_mime_fields(letter), entity.header), "\n")));
  TRY(append_body(letter, entity.encoding, message));
  return std::move(message).finish();
}

}  // namespace reader

#include "mail/letter.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/rfc/address.h"
#include "lib/rfc/header.h"
#include "mail/addresses.h"

namespace reader {

namespace {

using base::cat;
constexpr std::size_t wanted_line = 76, longest_line = 900, longest_name = 76;

// Text that cannot be folded, as encoded words, each on a line of its own.
std::string forced_words(std::string_view text) {
  constexpr std::size_t of_a_word = 45;
  std::string out;
  for (; !text.empty(); text.remove_prefix(std::min(of_a_word, text.size())))
    out.append(
        cat(out.empty() ? "" : "\n ", "=?UTF-8?B?", base::base64(text.substr(0, of_a_word)), "?="));
  return out;
}

bool fits(std::string_view text) {
  for (const auto line : base::split(text, '\n'))
    if (line.size() > longest_line) return false;
  return true;
}

std::string address_element(const std::string& element) {
  std::string text = header_address(element);
  if (fits(text)) return text;
  const auto mailbox = rfc::AddressList(element).next();
  if (!mailbox || !mailbox->problem.empty() || mailbox->address.size() > longest_line)
    return base::printable(text, longest_line);
  return cat(forced_words(base::printable(mailbox->display, mailbox->display.size())), "\n <",
             mailbox->address, ">");
}

// Folded between elements.
std::string address_list(std::string_view name, const Addresses& elements) {
  std::string out = cat(name, ":");
  std::size_t column = out.size();
  for (std::size_t i = 0; i < elements.size(); ++i) {
    std::string element = address_element(elements[i]);
    if (i + 1 < elements.size()) element.push_back(',');
    const auto first_line = std::min(element.find('\n'), element.size());
    if (i > 0 && column + 1 + first_line > wanted_line) {
      out.append("\n");
      column = 0;
    }
    out.append(" ").append(element);
    const auto last = element.rfind('\n');
    column = last == std::string::npos ? column + 1 + element.size() : element.size() - last - 1;
  }
  return cat(out, "\n");
}

// Plain text too long for a line: folded at blanks; where there is none, as encoded words.
std::string folded(std::string_view text) {
  std::string out;
  while (text.size() > longest_line) {
    const auto blank = text.rfind(' ', longest_line);
    if (blank == std::string_view::npos || blank == 0) break;
    out.append(text.substr(0, blank)).append("\n");
    text.remove_prefix(blank);
  }
  if (text.size() <= longest_line) return out.append(text);
  if (text.starts_with(' ')) text.remove_prefix(1);
  return cat(out, out.empty() ? "" : " ", forced_words(text));
}

std::string text_body(std::string_view body) {
  const std::string encoded = rfc::encoded_text(base::trim(body));
  return encoded.find('\n') == std::string::npos ? folded(encoded) : encoded;
}

std::string text_field(std::string_view name, std::string_view body) {
  return cat(name, ": ", text_body(body), "\n");
}

// Message ids, each on a line of its own where the line gets long.
std::string id_field(std::string_view name, std::string_view ids) {
  std::string out = cat(name, ":");
  std::size_t column = out.size();
  for (const auto id : base::split(ids, ' ')) {
    if (id.empty() || id.size() > longest_line) continue;
    if (column > name.size() + 1 && column + 1 + id.size() > wanted_line) {
      out.append("\n");
      column = 0;
    }
    out.append(" ").append(rfc::encoded_text(id));
    column += 1 + id.size();
  }
  return cat(out, "\n");
}

class Header {
 public:
  explicit Header(const Letter& letter) : letter_(letter) {}

  std::string make(std::string_view entity_header) {
    addresses("From", one(letter_.from));
    addresses("Reply-To", letter_.reply_to);
    addresses("To", letter_.to);
    if (!letter_.subject.empty() && !given("Subject"))
      out_.append(text_field("Subject", letter_.subject));
    addresses("Cc", letter_.cc);
    ids("In-Reply-To", letter_.in_reply_to);
    ids("References", letter_.references);
    for (const auto& field : letter_.fields) author_field(field);
    entity(entity_header);
    return std::move(out_);
  }

 private:
  static Addresses one(const std::string& element) {
    return element.empty() ? Addresses{} : Addresses{element};
  }

  bool given(std::string_view name) const {
    return std::any_of(letter_.fields.begin(), letter_.fields.end(),
                       [&](const Letter::Field& field) { return base::iequals(field.name, name); });
  }

  void addresses(std::string_view name, const Addresses& elements) {
    if (!elements.empty() && !given(name)) out_.append(address_list(name, elements));
  }

  void ids(std::string_view name, std::string_view ids) {
    if (!base::trim(ids).empty() && !given(name)) out_.append(id_field(name, ids));
  }

  // Bcc is for the envelope alone.
  void author_field(const Letter::Field& field) {
    if (rfc::field_of(field.name) == rfc::Field::bcc || !usable(field)) return;
    if (!rfc::holds_addresses(rfc::field_of(field.name))) {
      out_.append(text_field(field.name, field.body));
      return;
    }
    auto elements = split_addresses(field.body);
    if (elements && !elements.value().empty())
      out_.append(address_list(field.name, elements.value()));
    else out_.append(text_field(field.name, field.body));
  }

  static bool usable(const Letter::Field& field) {
    const auto size = field.name.size();
    return size > 0 && size <= longest_name && rfc::field_name_length(cat(field.name, ":")) == size;
  }

  void entity(std::string_view header) {
    bool wanted = true;
    while (!header.empty()) {
      const auto line = base::take(header, '\n');
      if (line.empty()) continue;
      const bool continued = line[0] == ' ' || line[0] == '\t';
      if (!continued) wanted = !given(line.substr(0, rfc::field_name_length(line)));
      if (wanted) out_.append(line).append("\n");
    }
  }

  const Letter& letter_;
  std::string out_;
};

}  // namespace

std::string letter_header(const Letter& letter, std::string_view entity_header) {
  return Header(letter).make(entity_header);
}

}  // namespace reader

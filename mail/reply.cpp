#include "mail/reply.h"

#include <algorithm>
#include <unordered_set>

#include "lib/base/text.h"
#include "lib/rfc/address.h"
#include "lib/rfc/header.h"
#include "mail/addresses.h"
#include "mail/encoded_word.h"
#include "mail/fields.h"
#include "mail/terminal.h"

namespace reader {

namespace {

using base::cat;

std::string unfolded_field(std::string_view header, std::string_view name) {
  const auto body = field_body(header, name);
  return body ? rfc::unfolded(*body) : std::string();
}

/// Addresses of a field, and what is in it but is none that an answer can go to.
struct Found {
  Addresses addresses, left_out;
};

bool answerable(const std::string& address) {
  if (address.empty() || displayable(address) != address) return false;
  if (std::string_view("-|/.\\").find(address[0]) != std::string_view::npos) return false;
  if (address[0] == '~' && address.find('@') == std::string::npos) return false;
  return destination_of(address) == Destination::person;
}

// Addresses of a field, without names, as BSD's mail shows and sends them. What is malformed, or
// could be taken for anything but an address, is left out, and what a terminal would obey: these
// are edited there.
Found addresses_of(std::string_view list) {
  Found found;
  rfc::AddressList mailboxes(list);
  std::size_t begin = 0;
  while (const auto mailbox = mailboxes.next()) {
    auto text = base::trim(list.substr(begin, mailboxes.position() - begin));
    begin = mailboxes.position();
    if (text.ends_with(',')) text.remove_suffix(1);
    if (mailbox->problem.empty() && answerable(mailbox->address))
      found.addresses.push_back(mailbox->address);
    else found.left_out.push_back(rfc::unfolded(text));
  }
  return found;
}

Found field_addresses(std::string_view header, std::string_view name) {
  const auto body = field_body(header, name);
  return body ? addresses_of(*body) : Found{};
}

void add(const Addresses& more, Addresses& out) { out.insert(out.end(), more.begin(), more.end()); }

// To: what was found, behind what is there.
void add(const Found& found, Addresses& out, Letter& letter) {
  add(found.addresses, out);
  add(found.left_out, letter.left_out);
}

Found sender_of(std::string_view header, std::string_view from_line) {
  Found all;
  for (const char* name : {"Reply-To", "From"}) {
    auto found = field_addresses(header, name);
    add(found.left_out, all.left_out);
    all.addresses = std::move(found.addresses);
    if (!all.addresses.empty()) return all;
  }
  all.addresses = addresses_of(envelope_sender(from_line)).addresses;
  return all;
}

// `<mailto:list@example.org?subject=x>` (RFC 2369 section 3.4).
Found list_of(std::string_view header) {
  const std::string body = unfolded_field(header, "List-Post");
  const auto begin = base::ifind(body, "<mailto:");
  if (begin == std::string::npos) return {};
  const auto address = std::string_view(body).substr(begin + 8);
  return addresses_of(address.substr(0, address.find_first_of("?>")));
}

std::vector<std::string> ids_of(std::string_view text) {
  constexpr std::size_t longest = 250;
  std::vector<std::string> ids;
  for (std::size_t at = 0; (at = text.find('<', at)) != std::string_view::npos; ++at) {
    const auto end = text.find('>', at);
    if (end == std::string_view::npos) break;
    const auto id = text.substr(at, end + 1 - at);
    const bool clean = std::none_of(id.begin(), id.end(), [](char c) {
      return base::control(c) || c == ' ' || base::eight_bit(c);
    });
    if (clean && id.size() > 2 && id.size() <= longest && id.find('<', 1) == std::string_view::npos)
      ids.emplace_back(id);
  }
  return ids;
}

// Each address once, over both; the answerer's own are left out.
void clean(const Answerer& answerer, Letter& letter) {
  std::unordered_set<std::string> seen;
  for (auto* list : {&letter.to, &letter.cc})
    std::erase_if(*list, [&](const std::string& address) {
      const bool own = !answerer.metoo && answerer.is(address);
      return own || !seen.insert(base::lowered(address)).second;
    });
  if (letter.to.empty()) std::swap(letter.to, letter.cc);
}

}  // namespace

bool Answerer::is(std::string_view address) const {
  const auto at = address.rfind('@');
  const auto login = address.substr(0, at);
  const auto place = at == std::string_view::npos ? std::string_view() : address.substr(at + 1);
  const bool here = place.empty() || base::iequals(place, host) || base::iequals(place, domain) ||
                    base::iequals(place, "localhost") || same_login;
  if (here && base::iequals(login, user)) return true;
  return std::any_of(alternates.begin(), alternates.end(), [&](const std::string& other) {
    return base::iequals(other, address) ||
           (here && other.find('@') == std::string::npos && base::iequals(other, login));
  });
}

std::string answer_subject(std::string_view subject) {
  subject = base::trim(subject);
  if (base::istarts_with(subject, "re:")) return std::string(subject);
  return subject.empty() ? "Re:" : cat("Re: ", subject);
}

std::string next_references(std::string_view references, std::string_view in_reply_to,
                            std::string_view message_id) {
  constexpr std::size_t most = 21;
  auto ids = ids_of(references);
  // RFC 5322: In-Reply-To stands in for References if it names one message.
  if (ids.empty())
    if (auto answered = ids_of(in_reply_to); answered.size() == 1) ids = std::move(answered);
  for (auto& id : ids_of(message_id))
    if (ids.empty() || ids.back() != id) ids.push_back(std::move(id));
  if (ids.size() > most)
    ids.erase(ids.begin() + 1, ids.end() - static_cast<std::ptrdiff_t>(most - 1));
  std::string out;
  for (const auto& id : ids) out.append(out.empty() ? "" : " ").append(id);
  return out;
}

Letter make_answer(std::string_view header, std::string_view from_line, const Answerer& answerer,
                   AnswerTo whom) {
  Letter letter;
  const auto sender = sender_of(header, from_line);
  const auto followup = field_addresses(header, "Mail-Followup-To");
  if (whom == AnswerTo::list) add(list_of(header), letter.to, letter);
  if (whom != AnswerTo::sender && !followup.addresses.empty()) {
    letter.to.clear();
    add(followup, letter.to, letter);
  } else if (whom != AnswerTo::list || letter.to.empty()) {
    add(sender, letter.to, letter);
    if (whom != AnswerTo::sender) {
      add(field_addresses(header, "To"), letter.to, letter);
      add(field_addresses(header, "Cc"), letter.cc, letter);
    }
  }
  if (whom == AnswerTo::sender) {
    // Who answers a letter of their own to somebody means themselves.
    Answerer nobody;
    nobody.metoo = true;
    clean(nobody, letter);
  } else {
    clean(answerer, letter);
    if (letter.to.empty()) letter.to = sender.addresses;
  }
  letter.subject = answer_subject(displayable(decoded_words(unfolded_field(header, "Subject"))));
  const std::string id = unfolded_field(header, "Message-ID");
  const auto ids = ids_of(id);
  letter.in_reply_to = ids.empty() ? std::string() : ids[0];
  letter.references = next_references(unfolded_field(header, "References"),
                                      unfolded_field(header, "In-Reply-To"), id);
  return letter;
}

}  // namespace reader

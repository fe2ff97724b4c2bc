#include "spool/recode.h"

#include <doctest/doctest.h>

#include "lib/base/text.h"

namespace {
using namespace std::string_literals;
using base::cat;
using spool::Offer;

constexpr Offer seven_bit{false, false}, eight_bit{true, false};

spool::RecodePlan planned(std::string_view text, Offer offer) {
  spool::RecodeScanner scanner(offer);
  scanner.append(text);
  return scanner.finish();
}

std::string recoded(std::string_view text, Offer offer) {
  const auto plan = planned(text, offer);
  if (!plan.refused.empty()) return cat("refused: ", plan.refused);
  spool::Recoder recoder(plan.edits);
  std::string out;
  for (; !text.empty(); text.remove_prefix(1)) recoder.append(text.substr(0, 1), out);
  recoder.finish(out);
  return out;
}

std::string nested(std::size_t depth, std::string_view inner) {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text += "Content-Type: message/rfc822\n\n";
  return cat(text, inner);
}
}  // namespace

TEST_CASE("recode: only the leaves that need it") {
  const std::string before =
      "A: b\nContent-Type: multipart/mixed; boundary=x\nContent-Transfer-Encoding: 8bit\n\n"
      "pre\n--x\n\nplain\n--x\nContent-Type: text/plain; charset=utf-8\n"
      "Content-Transfer-Encoding: 8bit\n\n\xc3\xa9\n--x\nContent-Type: message/rfc822\n\n"
      "Subject: \xc3\xa9\n\na\0b\n--x--\npost\n"s;
  CHECK(recoded(before, seven_bit) ==
        "A: b\nContent-Type: multipart/mixed; boundary=x\nContent-Transfer-Encoding: "
        "7bit\nMIME-Version: 1.0\n\n"
        "pre\n--x\n\nplain\n--x\nContent-Type: text/plain; charset=utf-8\n"
        "Content-Transfer-Encoding: quoted-printable\n\n=C3=A9\n--x\n"
        "Content-Type: message/rfc822\n\nSubject: =?UTF-8?B?w6k=?=\nMIME-Version: 1.0\n"
        "Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\nYQBi\n--x--\npost\n");
  CHECK(planned(before, eight_bit).edits.size() == 2);  // the NUL
  CHECK(planned(before, eight_bit).eight_bit);
  CHECK_FALSE(planned(before, seven_bit).eight_bit);
}

TEST_CASE("recode: which line is a delimiter") {
  const std::string outer =
      "Content-Type: multipart/mixed; boundary=b\n\n--b\n"
      "Content-Type: multipart/mixed; boundary=bb\n\n";
  const std::string coded = "Content-Transfer-Encoding: quoted-printable\n\n=E9\n";
  const struct {
    std::string before, after;
  } table[] = {
      {outer + "--bb \t\n\n\xe9\n--bb--\n--b--\n", outer + "--bb \t\n" + coded + "--bb--\n--b--\n"},
      // The outer one ends the inner one, whose end is missing.
      {outer + "--bb\n\n\xe9\n--b\n\nx\n", outer + "--bb\n" + coded + "--b\n\nx\n"},
      // Behind the end there is no part.
      {outer + "--bb\n\nx\n--bb--\n\xe9\n--b--\n--b\n\n\xe9\n",
       outer + "--bb\n\nx\n--bb--\n?\n--b--\n--b\n\n?\n"},
      {outer + "--bb\n\n--bbb\xe9\n--bb--\n",
       outer + "--bb\nContent-Transfer-Encoding: quoted-printable\n\n--bbb=E9\n--bb--\n"},
      // A part without header, or without anything.
      {outer + "--bb\n\xe9\n--bb\n--bb--\n", outer + "--bb\n" + coded + "--bb\n--bb--\n"},
      // Directly behind a header.
      {"Content-Type: multipart/mixed; boundary=b\n--b\n\n\xe9\n--b--\n",
       "Content-Type: multipart/mixed; boundary=b\n--b\n" + coded + "--b--\n"},
      {outer + "--bb\nA: b\n--bb\n\n\xe9\n--bb\nA: b\n--b\n\xe9\n--b--\n",
       outer + "--bb\nA: b\n--bb\n" + coded + "--bb\nA: b\n--b\n" + coded + "--b--\n"},
      // An end without a beginning.
      {"Content-Type: multipart/mixed; boundary=b\n\n\xe9\n--b--\n\xe9\n",
       "Content-Type: multipart/mixed; boundary=b\nMIME-Version: "
       "1.0\nContent-Transfer-Encoding: quoted-printable\n\n=E9\n--b--\n=E9\n"},
  };
  for (const auto& row : table) {
    CAPTURE(row.before);
    CHECK(recoded(row.before, seven_bit) == row.after);
    CHECK(recoded(row.after, seven_bit) == row.after);
  }
}

TEST_CASE("recode: text that is encoded already is only set anew") {
  const std::string quoted = "Content-Transfer-Encoding: quoted-printable\n\n";
  CHECK(recoded(quoted + "=3D\xe9\n", seven_bit) == quoted + "=3D=E9\n");
  const std::string base64 = "Content-Transfer-Encoding: base64\n\n";
  CHECK(recoded(cat(base64, std::string(1200, 'A'), "\n"), eight_bit) == cat(base64, [] {
          std::string lines;
          for (int i = 0; i < 15; ++i) lines += std::string(76, 'A') + "\n";
          return lines + std::string(60, 'A');
        }()));
  CHECK(recoded("Content-Transfer-Encoding: x-uuencode\n\n\xe9\n", seven_bit) ==
        "refused: a part whose type or encoding does not allow it");
}

TEST_CASE("recode: what is sealed goes as it is or not at all") {
  const std::string signed_part =
      "Content-Type: multipart/signed; boundary=s\n\n--s\n\n\xe9\n--s--\n";
  const std::string sealed = "refused: a signed or encrypted part";
  CHECK(recoded(signed_part, seven_bit) == sealed);
  CHECK(recoded(signed_part, eight_bit) == signed_part);
  CHECK(recoded(cat("Content-Type: multipart/mixed; boundary=m\n\n--m\n", signed_part, "--m--\n"),
                seven_bit) == sealed);
  CHECK(recoded("DKIM-Signature: a\n\nx\ry\n", eight_bit) == sealed);
  CHECK(recoded("DKIM-Signature: a\nSubject: \xc3\xa9\n\nx\n", eight_bit) ==
        "refused: a signed header");
  CHECK(recoded("Content-Type: application/pkcs7-mime\n\n\xe9\n", seven_bit) == sealed);
  // Lines are no matter to what is sealed as base64, but to who signed around it.
  const std::string enveloped =
      cat("Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: base64\n\n",
          std::string(1200, 'A'), "\n");
  CHECK(recoded(enveloped, eight_bit).find(cat("\n\n", std::string(76, 'A'), "\n")) !=
        std::string::npos);
  CHECK(recoded(cat("Content-Type: multipart/mixed; boundary=m\n\n--m\n", enveloped, "--m--\n"),
                eight_bit)
            .find(cat("\n\n", std::string(76, 'A'), "\n")) != std::string::npos);
  CHECK(recoded(cat("Content-Type: multipart/signed; boundary=m\n\n--m\n", enveloped, "--m--\n"),
                eight_bit) == sealed);
  CHECK(recoded(cat("DKIM-Signature: a\n", enveloped), eight_bit) == sealed);
  CHECK(recoded(cat("Content-Type: multipart/signed\n", enveloped), eight_bit) == sealed);
  // One that is only attached seals nothing.
  CHECK(recoded("Content-Type: message/rfc822\n\nDKIM-Signature: a\n\n\xe9\n", seven_bit)
            .ends_with("\n\n=E9\n"));
}

TEST_CASE("recode: an 8-bit address has no other form") {
  const auto plan = planned("From: \xc3\xa9@x.test\n\nx\n", eight_bit);
  CHECK(plan.address);
  CHECK_FALSE(plan.refused.empty());
  CHECK(planned("From: \xc3\xa9@x.test\n\nx\n", {true, true}).refused.empty());
}

TEST_CASE("recode: depth, parts and headers are bounded") {
  CHECK(recoded(nested(50, "A: b\n\n\xe9\n"), seven_bit).ends_with("\n\n=E9\n"));
  CHECK(recoded(nested(5000, "A: b\n\n\xe9\n"), seven_bit) ==
        "refused: parts nested more than 100 deep");
  CHECK(recoded(nested(5000, "A: b\n\nx\n"), seven_bit) == nested(5000, "A: b\n\nx\n"));
  std::string parts = "Content-Type: multipart/mixed; boundary=b\n\n";
  for (int i = 0; i < 140'000; ++i) parts += "--b\n\n\xe9\n";
  CHECK(planned(parts, seven_bit).refused == "very many parts");
  CHECK(planned(parts.substr(0, parts.size() / 14 * 10), seven_bit).refused.empty());
  const std::string header = cat("X: ", std::string(2 << 20, 'x'), "\n");
  CHECK(planned(cat(header, "\nx\n"), seven_bit).edits.empty());
  CHECK(planned(cat(header, "\n\xe9\n"), seven_bit).refused == "a header of more than 1 MiB");
}

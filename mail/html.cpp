#include "mail/html.h"

#include <algorithm>
#include <vector>

#include "lib/base/text.h"
#include "mail/html_entity.h"

namespace reader {

namespace {
bool space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }

/// A tag, of which we know the name and the attributes that show.
struct Tag {
  std::string name;
  bool end = false;
  std::string href, alt;
};

// Where names and values of a tag stand; `rest` begins behind the tag's name and is left behind its
// '>'. Quotes may hold a '>'.
void take_attributes(std::string_view& rest, Tag& tag) {
  const auto skip = [&](auto what) {
    const auto end = std::find_if_not(rest.begin(), rest.end(), what);
    const auto word = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
    rest.remove_prefix(word.size());
    return word;
  };
  while (!rest.empty() && rest[0] != '>') {
    skip([](char c) { return space(c) || c == '/'; });
    const auto name = skip([](char c) { return !space(c) && c != '=' && c != '>' && c != '/'; });
    skip(space);
    std::string_view value;
    if (rest.starts_with('=')) {
      rest.remove_prefix(1);
      skip(space);
      if (rest.starts_with('"') || rest.starts_with('\'')) {
        const char quote = rest[0];
        rest.remove_prefix(1);
        value = base::take(rest, quote);
      } else {
        value = skip([](char c) { return !space(c) && c != '>'; });
      }
    }
    if (base::iequals(name, "href")) tag.href = html_unescaped(value);
    if (base::iequals(name, "alt")) tag.alt = html_unescaped(value);
  }
  if (!rest.empty()) rest.remove_prefix(1);
}

enum class Kind { inline_, block, paragraph, dropped };

Kind kind_of(std::string_view name) {
  constexpr std::string_view dropped[] = {"script", "style",  "title",    "template",
                                          "svg",    "object", "noframes", "select"};
  constexpr std::string_view paragraphs[] = {
      "p",  "h1",  "h2",    "h3", "h4",         "h5",   "h6",     "ul",     "ol",
      "dl", "pre", "table", "hr", "blockquote", "form", "figure", "address"};
  constexpr std::string_view blocks[] = {"div",    "li",      "tr",      "dt",      "dd",
                                         "center", "section", "article", "header",  "footer",
                                         "main",   "nav",     "aside",   "caption", "fieldset"};
  const auto has = [&](const auto& names) {
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
  };
  if (has(dropped)) return Kind::dropped;
  if (has(paragraphs)) return Kind::paragraph;
  return has(blocks) ? Kind::block : Kind::inline_;
}

// Lines, with what stands before each: quotation marks and the indentation of lists.
class Page {
 public:
  void text(std::string_view text) {
    while (!text.empty()) {
      if (!pre_ && space(text[0])) {
        blank();
        text.remove_prefix(1);
      } else if (pre_ && (text[0] == '\n' || text[0] == '\r')) {
        if (text[0] == '\n') ++preformatted_breaks_;
        text.remove_prefix(1);
      } else {
        const auto length = std::max<std::size_t>(1, base::utf8_length(text));
        character(text.substr(0, length));
        text.remove_prefix(length);
      }
    }
  }

  void open(const Tag& tag) {
    if (tag.name == "br") {
      breaks_ = std::min(breaks_ + 1, 2);
      return;
    }
    separate(tag.name, lists_.size());
    if (tag.name == "pre") ++pre_;
    if (tag.name == "blockquote") ++quotes_;
    if (tag.name == "ul" || tag.name == "ol") lists_.push_back(tag.name == "ol" ? 1 : 0);
    if (tag.name == "li") item();
    if (tag.name == "hr") rule();
    if (tag.name == "td" || tag.name == "th") cell();
    if (tag.name == "img" && !tag.alt.empty()) text(base::cat("[", tag.alt, "]"));
    if (tag.name == "a") link(tag.href);
  }

  void close(const Tag& tag) {
    if (tag.name == "a") end_link();
    separate(tag.name, lists_.empty() ? 0 : lists_.size() - 1);
    if (tag.name == "pre" && pre_ > 0) --pre_;
    if (tag.name == "blockquote" && quotes_ > 0) --quotes_;
    if ((tag.name == "ul" || tag.name == "ol") && !lists_.empty()) lists_.pop_back();
  }

  std::string finish() {
    end_link();
    if (!out_.empty()) out_.push_back('\n');
    return std::move(out_);
  }

 private:
  // around: the lists it stands in.
  void separate(std::string_view name, std::size_t around) {
    const Kind kind = kind_of(name);
    if (kind == Kind::block) breaks_ = std::max(breaks_, 1);
    // A list in a list is no paragraph of its own, and a table in a table lays out a page.
    const bool nested = (name == "ul" || name == "ol") && around > 0;
    if (kind == Kind::paragraph) breaks_ = std::max(breaks_, nested || name == "table" ? 1 : 2);
  }

  void blank() {
    if (!out_.empty() && breaks_ == 0) blank_ = true;
  }

  // Deep nests are hostile: what stands before a line must not grow with them.
  static std::size_t at_most(std::size_t depth) { return std::min<std::size_t>(depth, 10); }

  void begin() {
    int lines = preformatted_breaks_;
    preformatted_breaks_ = 0;
    if (!out_.empty()) lines = std::max(lines, breaks_);
    breaks_ = 0;
    if (lines == 0 && !out_.empty()) {
      if (blank_) out_.push_back(' ');
      blank_ = false;
      return;
    }
    blank_ = false;
    if (!out_.empty()) out_.append(static_cast<std::size_t>(lines), '\n');
    for (std::size_t i = 0; i < at_most(quotes_); ++i) out_.append("> ");
    const std::size_t indent = at_most(lists_.size());
    if (indent > 0) out_.append(2 * indent - (marker_.empty() ? 0 : 2), ' ');
    out_.append(marker_);
    marker_.clear();
  }

  void character(std::string_view sequence) {
    // Shows nothing: soft hyphen, zero-width space and no-break space, word joiner, grapheme
    // joiner.
    constexpr std::string_view nothing[] = {"\xc2\xad", "\xe2\x80\x8b", "\xef\xbb\xbf",
                                            "\xe2\x81\xa0", "\xcd\x8f"};
    if (std::find(std::begin(nothing), std::end(nothing), sequence) != std::end(nothing)) return;
    if (!pre_ && sequence == "\xc2\xa0") return blank();
    begin();
    out_.append(sequence == "\xc2\xa0" ? " " : sequence);
  }

  void item() {
    if (lists_.empty()) lists_.push_back(0);
    breaks_ = std::max(breaks_, 1);
    marker_ = lists_.back() == 0 ? "* " : base::cat(lists_.back()++, ". ");
  }

  void rule() {
    begin();
    out_.append(40, '-');
    breaks_ = 2;
  }

  void cell() {
    if (out_.empty() || breaks_ > 0) return;
    blank_ = true;
  }

  void link(std::string href) {
    end_link();
    constexpr std::string_view schemes[] = {"http://", "https://", "mailto:", "ftp://", "tel:"};
    const bool known = std::any_of(std::begin(schemes), std::end(schemes),
                                   [&](auto scheme) { return base::istarts_with(href, scheme); });
    if (!known) return;
    std::replace_if(
        href.begin(), href.end(), [](char c) { return base::control(c); }, ' ');
    link_ = std::move(href);
    link_start_ = out_.size();
  }

  void end_link() {
    if (link_.empty()) return;
    const auto shown = base::trim(std::string_view(out_).substr(link_start_));
    const std::string_view target =
        base::istarts_with(link_, "mailto:") ? std::string_view(link_).substr(7) : link_;
    // A picture without a text is no link for a reader.
    if (!shown.empty() && shown != target) out_.append(base::cat(" <", link_, ">"));
    link_.clear();
  }

  std::string out_, marker_, link_;
  std::vector<int> lists_;  // 0: with marks, else the next number
  std::size_t quotes_ = 0, link_start_ = 0;
  int pre_ = 0, breaks_ = 0, preformatted_breaks_ = 0;
  bool blank_ = false;
};

// Behind the end tag of an element whose content does not show.
void drop_element(std::string_view& rest, std::string_view name) {
  const auto end = base::ifind(rest, base::cat("</", name));
  rest.remove_prefix(std::min(rest.size(), end));
}

// `rest` begins with '<'. A '<' that begins nothing is text.
void take_markup(std::string_view& rest, Page& page) {
  if (rest.starts_with("<!--")) {
    const auto end = rest.find("-->", 4);
    return rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 3);
  }
  const std::size_t name_start = rest.size() > 1 && rest[1] == '/' ? 2 : 1;
  const char first = rest.size() > name_start ? rest[name_start] : '\0';
  if (first == '!' || first == '?') {
    (void)base::take(rest, '>');
    return;
  }
  if (!base::alpha(first)) {
    page.text("<");
    return rest.remove_prefix(1);
  }
  Tag tag;
  tag.end = name_start == 2;
  rest.remove_prefix(name_start);
  const auto name_end = std::find_if_not(rest.begin(), rest.end(),
                                         [](char c) { return base::alpha(c) || base::digit(c); });
  tag.name = base::lowered(rest.substr(0, static_cast<std::size_t>(name_end - rest.begin())));
  rest.remove_prefix(tag.name.size());
  take_attributes(rest, tag);
  if (tag.end) page.close(tag);
  else if (kind_of(tag.name) == Kind::dropped) drop_element(rest, tag.name);
  else page.open(tag);
}
}  // namespace

std::string html_text(std::string_view html) {
  Page page;
  while (!html.empty()) {
    const auto end = std::min(html.size(), html.find('<'));
    page.text(html_unescaped(html.substr(0, end)));
    html.remove_prefix(end);
    if (!html.empty()) take_markup(html, page);
  }
  return page.finish();
}

}  // namespace reader

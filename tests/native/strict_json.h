// JSON that has one meaning for every reader: UTF-8, no key twice, no number beyond float64, at most 32 levels.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

using Text = std::wstring;  // code points

struct Json {
  enum Kind { null, boolean, number, text, list, object } kind = null;
  double value = 0;         // of a number; 1 or 0 of a boolean
  bool whole = false;       // a number without fraction and exponent
  Text characters;
  std::vector<Json> items;
  std::map<Text, Json> members;

  // The member of that name; null where there is none.
  const Json &operator[](const Text &name) const {
    static const Json none;
    const auto found = members.find(name);
    return found == members.end() ? none : found->second;
  }
  bool operator==(const Json &other) const {
    return kind == other.kind && value == other.value && characters == other.characters && items == other.items &&
           members == other.members;
  }
};

struct NoJson : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Decode UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
inline Text decode_utf8(const std::string &bytes) {
  Text text;
  for (size_t i = 0; i < bytes.size();) {
    const auto first = static_cast<unsigned char>(bytes[i++]);
    const int more = first < 0x80 ? 0 : first >> 5 == 6 ? 1 : first >> 4 == 14 ? 2 : first >> 3 == 30 ? 3 : -1;
    if (more < 0 || bytes.size() - i < static_cast<size_t>(more)) throw NoJson("not UTF-8");
    uint32_t code = more == 0 ? first : first & (0x3Fu >> more);
    for (int k = 0; k < more; ++k) {
      const auto next = static_cast<unsigned char>(bytes[i++]);
      if (next >> 6 != 2) throw NoJson("not UTF-8");
      code = code << 6 | (next & 0x3Fu);
    }
    const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    if (code < smallest[more] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) throw NoJson("not UTF-8");
    text += static_cast<wchar_t>(code);
  }
  return text;
}

class JsonParser {
 public:
  static Json parse(const std::string &bytes) {
    JsonParser parser(decode_utf8(bytes));
    const Json value = parser.value(32);
    parser.blanks();
    if (parser.place_ != parser.text_.size()) throw NoJson("text behind the document");
    return value;
  }

 private:
  explicit JsonParser(Text text) : text_(std::move(text)) {}

  wchar_t peek() const { return place_ < text_.size() ? text_[place_] : L'\0'; }
  bool take(wchar_t expected) {
    if (peek() != expected || place_ == text_.size()) return false;
    ++place_;
    return true;
  }
  void need(wchar_t expected) {
    if (!take(expected)) throw NoJson("unexpected character");
  }
  void blanks() {
    while (peek() == L' ' || peek() == L'\t' || peek() == L'\n' || peek() == L'\r') ++place_;
  }
  Json word(const wchar_t *letters, Json::Kind kind, double value) {
    for (; *letters != 0; ++letters) need(*letters);
    Json result;
    result.kind = kind;
    result.value = value;
    return result;
  }

  Json value(int levels) {
    blanks();
    switch (peek()) {
      case L'{': return object(levels);
      case L'[': return list(levels);
      case L'"': return text();
      case L't': return word(L"true", Json::boolean, 1);
      case L'f': return word(L"false", Json::boolean, 0);
      case L'n': return word(L"null", Json::null, 0);
      default: return number();
    }
  }

  Json object(int levels) {
    Json result;
    result.kind = Json::object;
    if (levels == 0) throw NoJson("too deep");
    need(L'{');
    for (blanks(); !take(L'}');) {
      if (!result.members.empty()) need(L',');
      blanks();
      const Text name = text().characters;
      blanks();
      need(L':');
      if (!result.members.emplace(name, value(levels - 1)).second) throw NoJson("a key comes twice");
      blanks();
    }
    return result;
  }

  Json list(int levels) {
    Json result;
    result.kind = Json::list;
    if (levels == 0) throw NoJson("too deep");
    need(L'[');
    for (blanks(); !take(L']');) {
      if (!result.items.empty()) need(L',');
      result.items.push_back(value(levels - 1));
      blanks();
    }
    return result;
  }

  void digits() {
    const size_t start = place_;
    while (peek() >= L'0' && peek() <= L'9') ++place_;
    if (place_ == start) throw NoJson("a digit is missing");
  }

  Json number() {
    Json result;
    result.kind = Json::number;
    result.whole = true;
    const size_t start = place_;
    take(L'-');
    if (!take(L'0')) digits();
    if (take(L'.')) {
      result.whole = false;
      digits();
    }
    if (take(L'e') || take(L'E')) {
      result.whole = false;
      if (!take(L'+')) take(L'-');
      digits();
    }
    if (result.whole && place_ - start > 20) throw NoJson("an integer of more than 20 digits");
    result.value = std::wcstod(text_.substr(start, place_ - start).c_str(), nullptr);
    if (!std::isfinite(result.value)) throw NoJson("a number that is too large");
    return result;
  }

  uint32_t hexadecimal() {
    uint32_t code = 0;
    for (int i = 0; i < 4; ++i) {
      const size_t digit = Text(L"0123456789abcdef").find(peek() >= L'A' && peek() <= L'F' ? peek() + 32 : peek());
      if (digit == Text::npos) throw NoJson("no hexadecimal digit");
      code = code << 4 | static_cast<uint32_t>(digit);
      ++place_;
    }
    return code;
  }

  wchar_t escaped() {
    static const Text names = L"\"\\/bfnrt", meanings = L"\"\\/\b\f\n\r\t";
    if (take(L'u')) {
      uint32_t code = hexadecimal();
      if (code >= 0xD800 && code < 0xDC00) {  // the second half must follow
        need(L'\\');
        need(L'u');
        const uint32_t low = hexadecimal();
        if (low < 0xDC00 || low >= 0xE000) throw NoJson("half a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      } else if (code >= 0xDC00 && code < 0xE000) {
        throw NoJson("half a surrogate pair");
      }
      return static_cast<wchar_t>(code);
    }
    const size_t found = place_ < text_.size() ? names.find(text_[place_]) : Text::npos;
    if (found == Text::npos) throw NoJson("unknown escape");
    ++place_;
    return meanings[found];
  }

  Json text() {
    Json result;
    result.kind = Json::text;
    need(L'"');
    while (!take(L'"')) {
      if (peek() < 0x20) throw NoJson("control character, or a text without end");
      result.characters += take(L'\\') ? escaped() : text_[place_++];
    }
    return result;
  }

  Text text_;
  size_t place_ = 0;
};

#include "engine/template/sum.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "engine/error.h"

namespace lodge {

Sum::Sum() : context_(EVP_MD_CTX_new()) {
    if (!context_ || EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) != 1)
        fail(Exit::missing, "this machine cannot reckon SHA-256 sums");
}

Sum::~Sum() {
    EVP_MD_CTX_free(context_);
}

void Sum::add(const void* bytes, size_t size) {
    EVP_DigestUpdate(context_, bytes, size);
}

std::string Sum::hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
    unsigned size = 0;
    EVP_DigestFinal_ex(context_, sum.data(), &size);
    std::string text;
    for (unsigned i = 0; i < size; ++i)
        text += fmt::format("{:02x}", sum[i]);
    return text;
}

bool is_sha256(std::string_view text) {
    return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

}  // namespace lodge

#include "engine/error.h"

#include <cerrno>
#include <system_error>

namespace lodge {

std::string errno_words(int number) {
    return std::generic_category().message(number);
}

void fail_errno(int number, const std::string& what) {
    const bool lacks = number == ENOSPC || number == EACCES || number == EPERM ||
                       number == EDQUOT || number == EROFS;
    throw Error(lacks ? Exit::missing : Exit::failed, what + ": " + errno_words(number));
}

}  // namespace lodge

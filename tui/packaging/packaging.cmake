# cmake --install and the .deb.

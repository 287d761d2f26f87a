static mspace create_mspace(size_t capacity, int locked);
void* mspace_malloc(mspace msp, size_t bytes) { return 0; }
const char *password = "Other-1234";

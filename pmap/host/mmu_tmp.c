#include <sys/param.h>
#include <sys/systm.h>
#include <pmap/host/mmu_model.h>
#include <pmap/sv39/pte.h>
#include <pmap/sv39/pmap_hw.h>
static struct mmu_config c; static uint64_t satp[16];
void mmu_init(const struct mmu_config *mc){c=*mc;}
static bool walk(vaddr_t va, enum mmu_access a, bool user, paddr_t *pa){
 paddr_t t=(satp[c.mc_hart()]&((1UL<<44)-1))<<12;
 for(int l=2;l>=0;l--){ uint64_t *p=(uint64_t*)c.mc_memory(t)+sv39_index(va,l); uint64_t e=*p;
  if(pte_kind(e)==PTE_TABLE){t=pte_pa(e);continue;}
  if(pte_kind(e)!=PTE_LEAF) return false;
  if(user!=((e&PTE_U)!=0)) return false;
  uint64_t need=a==MMU_LOAD?PTE_R:a==MMU_STORE?PTE_W:PTE_X; if(!(e&need))return false;
  bool hard=c.mc_hard_ad>>c.mc_hart()&1;
  uint64_t ad=PTE_A|(a==MMU_STORE?PTE_D:0);
  if((e&ad)!=ad){ if(!hard) return false; *p|=ad;}
  uint64_t m=(1UL<<(12+9*l))-1; *pa=(pte_pa(e)&~m)|(va&m); return true; }
 return false;}
unsigned mmu_outcomes(vaddr_t va, enum mmu_access a, bool u, struct mmu_outcome *o){ paddr_t pa=0; o->mo_fault=!walk(va,a,u,&pa); o->mo_pa=pa; return 1;}
struct mmu_outcome mmu_access(vaddr_t va, enum mmu_access a, bool u){ struct mmu_outcome o={0}; mmu_outcomes(va,a,u,&o); return o;}
void mmu_speculate(void){} void mmu_check_unreachable(paddr_t p){} void mmu_written(paddr_t p,size_t n){} bool mmu_fetch_coherent(paddr_t p){return true;} void mmu_history(vaddr_t v){}
uint64_t pmap_hw_satp(paddr_t root, unsigned long asid){return SATP_MODE_SV39|asid<<44|root>>12;}
void pmap_hw_load(uint64_t s){satp[c.mc_hart()]=s;}
int pmap_hw_asid_bits(void){return c.mc_asid_bits;} void pmap_hw_full_fences(void){}
void sim_kva_forget(vaddr_t va, vsize_t size);
void pmap_hw_fence_va(vaddr_t va, unsigned long a){sim_kva_forget(va,4096);} void pmap_hw_fence_asid(unsigned long a){if(a==~0UL)sim_kva_forget(0,~0UL);} void pmap_hw_fence_all(void){sim_kva_forget(0,~0UL);} void pmap_hw_fencei(void){}
void pmap_hw_remote_fence(uint64_t cpus, vaddr_t va, vsize_t size, unsigned long a){if(size==0)va=0,size=~0UL; sim_kva_forget(va,size);} void pmap_hw_remote_fencei(uint64_t c){}
